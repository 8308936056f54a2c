//! A query's aggregates as SQL, and what it gives read back.
//!
//! All that one pass over the rows can tell is one row, the *summary*. What takes a pass of
//! its own (the rows by value, the first values in order, the sums by scale) is a *list* each:
//! an array of row images, read in the same statement.

use rowcast_engine::{
    datum::{Codec, Datum, decode_image},
    order::{is_equality_decided, is_order_decided},
    schema::ColumnSchema,
    tally::{
        AggregatesRead, Basis, BasisKind, Groups, KEPT_EXTREMES, MAX_KEPT_BYTES, MAX_KEPT_VALUES,
        Part, count_by,
    },
};
use rowcast_protocol::{Cell, query::Function};

use super::bound::BoundQuery;
use crate::database::catalog::ColumnMeta;

/// The most different scales of one column by which sums are kept.
const MAX_SCALES: usize = 1000;

/// How a query's total and aggregates are read.
pub struct Summary<'a> {
    query: &'a BoundQuery,
    /// `FROM` and `WHERE` with all that follows them.
    rows: String,
    /// The summary's expressions after the count, and how their values are imaged.
    figures: Vec<(String, Codec)>,
    lists: Vec<String>,
    values: Vec<ValueSource>,
    parts: Vec<PartSource>,
}

/// Bytes that are not what was asked for: the catalog has changed.
#[derive(Debug, thiserror::Error)]
#[error("what was read of the aggregates is of other types")]
pub struct Unreadable;

/// Where an aggregate's value is found.
enum ValueSource {
    /// In the summary.
    Figure(usize),
    /// The number of different values in a list of groups.
    Distinct(usize),
    /// The groups of a list.
    Groups(usize),
    /// The first value of a list.
    First(usize),
    /// The first value of a list, as its JSON.
    FirstJson(usize),
}

/// Where what an aggregate is kept from is found.
enum PartSource {
    Count(usize),
    /// The count and the sum of values of one scale.
    Sum(usize, usize),
    ScaleList(usize),
    ExtremeList(usize),
    GroupList(usize),
}

impl<'a> Summary<'a> {
    /// The summary of the rows that `FROM {rows}` gives, the table's alias being `t`; with
    /// what later values follow from, if they are to be kept.
    pub fn new(query: &'a BoundQuery, rows: String, is_kept: bool) -> Self {
        let mut summary = Self {
            query,
            rows,
            figures: Vec::new(),
            lists: Vec::new(),
            values: Vec::new(),
            parts: Vec::new(),
        };
        for aggregate in &query.aggregates {
            let column = summary.column(aggregate.of.column);
            let source = match aggregate.of.function {
                Function::Distinct => ValueSource::Distinct(summary.groups(column)),
                Function::CountBy => ValueSource::Groups(summary.groups(column)),
                Function::Min | Function::Max if !column.is_written_alike() => {
                    summary.first(column, aggregate.of.function == Function::Min, is_kept)
                }
                function => ValueSource::Figure(summary.figure(column.figure(function))),
            };
            summary.values.push(source);
        }
        if is_kept {
            for basis in query.bases() {
                let source = summary.part(basis);
                summary.parts.push(source);
            }
        }
        summary
    }

    /// An expression that gives one image: the number of rows, and the figures.
    pub fn sql(&self) -> String {
        let figures = self.figures.iter().map(|(sql, _)| format!(", {sql}"));
        let figures: String = figures.collect();
        format!(
            "(SELECT record_send(ROW(count(*){figures})) FROM {})",
            self.rows
        )
    }

    /// Expressions that each give an array of images.
    pub fn lists(&self) -> &[String] {
        &self.lists
    }

    /// What [`Summary::sql`] and [`Summary::lists`] gave: the number of rows, and the
    /// aggregates.
    pub fn decode(
        &self,
        summary: &[u8],
        lists: &[Vec<Vec<u8>>],
    ) -> Result<(u64, AggregatesRead), Unreadable> {
        let mut codecs = vec![Codec::Int8];
        codecs.extend(self.figures.iter().map(|(_, codec)| codec.clone()));
        let mut figures = decode(summary, &codecs)?;
        let total = natural(&figures.remove(0))?;
        let aggregates = self.query.aggregates.iter();
        let values = self.values.iter().zip(aggregates);
        let values = values.map(|(source, aggregate)| {
            let column = self.column(aggregate.of.column);
            Ok(match source {
                ValueSource::Figure(at) => figures[*at].to_cell(),
                ValueSource::Distinct(at) => Cell::integer(column.decode_groups(&lists[*at])?.0),
                ValueSource::Groups(at) => column.count_by(column.decode_groups(&lists[*at])?.1),
                ValueSource::First(at) => match lists[*at].first() {
                    None => Cell::Null,
                    Some(image) => column.decode_value(image)?.to_cell(),
                },
                ValueSource::FirstJson(at) => match lists[*at].first() {
                    None => Cell::Null,
                    Some(image) => match &decode(image, &[Codec::Text])?[..] {
                        [Datum::Text(json)] => Cell::from_json(json).map_err(|_| Unreadable)?,
                        _ => return Err(Unreadable),
                    },
                },
            })
        });
        let values = values.collect::<Result<_, Unreadable>>()?;
        let parts = self.parts.iter().zip(self.query.bases());
        let parts = parts
            .map(|(source, basis)| source.decode(self.column(basis.column), &figures, lists))
            .collect::<Result<_, _>>()?;
        Ok((total, AggregatesRead { values, parts }))
    }

    fn column(&self, at: usize) -> Column<'a> {
        Column {
            meta: &self.query.table.columns[at],
            schema: &self.query.table.schema.columns[at],
            type_name: &self.query.table.table.columns[at].type_name,
        }
    }

    fn figure(&mut self, figure: (String, Codec)) -> usize {
        position_or_push(&mut self.figures, figure)
    }

    fn part(&mut self, basis: Basis) -> PartSource {
        let column = self.column(basis.column);
        let value = column.value();
        match basis.kind {
            BasisKind::Count => PartSource::Count(self.figure(column.figure(Function::Count))),
            BasisKind::Sums if column.meta.codec == Codec::Numeric && column.form().is_some() => {
                // NaN and the infinities have no scale.
                let rest = format!(
                    "GROUP BY scale({value}), CASE WHEN scale({value}) IS NULL THEN {value} END \
                     LIMIT {}",
                    MAX_SCALES + 1
                );
                let image = format!("count(*), sum({value})");
                PartSource::ScaleList(self.list(column, &image, &rest))
            }
            BasisKind::Sums => {
                let count = self.figure(column.figure(Function::Count));
                let sum = (format!("sum({value})::numeric"), Codec::Numeric);
                PartSource::Sum(count, self.figure(sum))
            }
            BasisKind::Least => PartSource::ExtremeList(self.extremes(column, true, KEPT_EXTREMES)),
            BasisKind::Greatest => {
                PartSource::ExtremeList(self.extremes(column, false, KEPT_EXTREMES))
            }
            BasisKind::Groups => PartSource::GroupList(self.groups(column)),
        }
    }

    /// The least or the greatest value, and of equal ones that are written differently always
    /// the same.
    fn first(&mut self, column: Column<'_>, is_least: bool, is_kept: bool) -> ValueSource {
        if is_order_decided(column.schema) {
            let count = if is_kept { KEPT_EXTREMES } else { 1 };
            return ValueSource::First(self.extremes(column, is_least, count));
        }
        let value = column.value();
        let json = format!("to_jsonb({value})::text");
        let direction = if is_least { "ASC" } else { "DESC" };
        let rest = format!("ORDER BY {value} {direction}, {json} COLLATE \"C\" LIMIT 1");
        ValueSource::FirstJson(self.list(column, &json, &rest))
    }

    /// A list of the least or the greatest values; of equal ones those written shorter first.
    fn extremes(&mut self, column: Column<'_>, is_least: bool, count: usize) -> usize {
        let value = column.value();
        let direction = if is_least { "ASC" } else { "DESC" };
        let form = column.form().map(|form| format!(", {form}"));
        let form = form.unwrap_or_default();
        let rest = format!("ORDER BY {value} {direction}{form} LIMIT {count}");
        self.list(column, &column.meta.image("t"), &rest)
    }

    /// A list of what is made of the column's values, NULL left out.
    fn list(&mut self, column: Column<'_>, image: &str, rest: &str) -> usize {
        let value = column.value();
        let list = format!(
            "ARRAY(SELECT record_send(ROW({image})) FROM {} AND {value} IS NOT NULL {rest})",
            self.rows
        );
        position_or_push(&mut self.lists, list)
    }

    /// A list of the column's values and how many rows have each; ahead of them, how many
    /// different ones there are, and whether they are few enough to be listed.
    fn groups(&mut self, column: Column<'_>) -> usize {
        let value = column.value();
        let (keys, distinct) = match column.form() {
            Some(form) => (format!("{value}, {form}"), "DISTINCT g.value"),
            None => (value.clone(), "g.value"),
        };
        let image = if column.has_decided_equality() {
            column.meta.image("t")
        } else {
            // Of texts that PostgreSQL holds equal, the first.
            format!("min(to_jsonb({value})::text COLLATE \"C\")")
        };
        let bytes = match column.meta.codec {
            _ if !column.has_decided_equality() => "octet_length(g.image)",
            Codec::Bytea => "octet_length(g.image)",
            Codec::Text | Codec::BpChar | Codec::Numeric => "octet_length(g.image::text)",
            _ => "0",
        };
        let list = format!(
            "(WITH g AS MATERIALIZED (\
                 SELECT {value} AS value, {image} AS image, count(*) AS size \
                   FROM {} GROUP BY {keys}), \
             h AS (\
                 SELECT count({distinct}) AS number, \
                        count(*) <= {MAX_KEPT_VALUES} \
                        AND coalesce(sum({bytes}), 0) <= {MAX_KEPT_BYTES} AS are_few FROM g) \
             SELECT ARRAY[record_send(ROW(h.number, h.are_few))] \
                 || ARRAY(SELECT record_send(ROW(g.image, g.size)) FROM g WHERE h.are_few) \
               FROM h)",
            self.rows
        );
        position_or_push(&mut self.lists, list)
    }
}

impl PartSource {
    fn decode(
        &self,
        column: Column<'_>,
        figures: &[Datum],
        lists: &[Vec<Vec<u8>>],
    ) -> Result<Option<Part>, Unreadable> {
        Ok(match self {
            Self::Count(at) => Some(Part::Count(natural(&figures[*at])?)),
            Self::Sum(count, sum) => match &figures[*sum] {
                Datum::Null => Some(Part::Sums(Vec::new())),
                // How many of the values are NaN is not known.
                Datum::Numeric(sum) if !sum.is_finite() => None,
                Datum::Numeric(sum) => {
                    Some(Part::Sums(vec![(natural(&figures[*count])?, sum.clone())]))
                }
                _ => return Err(Unreadable),
            },
            Self::ScaleList(at) => {
                let sums = lists[*at].iter().map(|image| {
                    match &decode(image, &[Codec::Int8, Codec::Numeric])?[..] {
                        [count, Datum::Numeric(sum)] => Ok((natural(count)?, sum.clone())),
                        _ => Err(Unreadable),
                    }
                });
                let sums = sums.collect::<Result<Vec<_>, _>>()?;
                (sums.len() <= MAX_SCALES).then_some(Part::Sums(sums))
            }
            Self::ExtremeList(at) => {
                let values = lists[*at].iter().map(|image| column.decode_value(image));
                let values = values.collect::<Result<Vec<_>, _>>()?;
                let is_all = values.len() < KEPT_EXTREMES;
                Some(Part::Extremes { values, is_all })
            }
            Self::GroupList(at) => column.decode_groups(&lists[*at])?.1.map(Part::Groups),
        })
    }
}

/// A column that is aggregated.
#[derive(Clone, Copy)]
struct Column<'a> {
    meta: &'a ColumnMeta,
    schema: &'a ColumnSchema,
    type_name: &'a str,
}

/// Values with the number of rows of each; `None` if they are too many to be listed.
type Listed = Option<Vec<(Datum, u64)>>;

impl Column<'_> {
    fn value(self) -> String {
        self.meta.value("t")
    }

    fn has_decided_equality(self) -> bool {
        is_equality_decided(self.schema)
    }

    /// Whether there is one way to write each value.
    fn is_written_alike(self) -> bool {
        self.has_decided_equality() && self.form().is_none()
    }

    fn decode_value(self, image: &[u8]) -> Result<Datum, Unreadable> {
        let codec = std::slice::from_ref(&self.meta.codec);
        Ok(decode(image, codec)?.remove(0))
    }

    /// What tells apart how equal values are written; `None` where they are written alike.
    fn form(self) -> Option<String> {
        let value = self.value();
        match self.meta.codec {
            Codec::Numeric if !self.type_name.starts_with("numeric(") => {
                Some(format!("scale({value})"))
            }
            Codec::BpChar if !self.type_name.starts_with("character(") => {
                Some(format!("octet_length({value})"))
            }
            _ => None,
        }
    }

    /// An aggregate's value as SQL, and how it is imaged.
    fn figure(self, function: Function) -> (String, Codec) {
        let value = self.value();
        let result = function_sql(self.meta, function, &value);
        let codec = &self.meta.codec;
        match (function, codec) {
            (Function::Count | Function::Distinct | Function::CountBy, _)
            | (Function::Sum, Codec::Int2 | Codec::Int4) => (result, Codec::Int8),
            (Function::Sum, Codec::Int8)
            | (Function::Avg, Codec::Int2 | Codec::Int4 | Codec::Int8) => (result, Codec::Numeric),
            (Function::Avg, Codec::Float4) => (result, Codec::Float8),
            _ => (self.meta.image_of(&result), codec.clone()),
        }
    }

    /// How many different values there are, and the values.
    fn decode_groups(self, images: &[Vec<u8>]) -> Result<(i64, Listed), Unreadable> {
        let (header, groups) = images.split_first().ok_or(Unreadable)?;
        let [Datum::Int(distinct), Datum::Bool(are_few)] =
            decode(header, &[Codec::Int8, Codec::Bool])?[..]
        else {
            return Err(Unreadable);
        };
        if !are_few {
            return Ok((distinct, None));
        }
        let codec = if self.has_decided_equality() {
            self.meta.codec.clone()
        } else {
            Codec::Text
        };
        let codecs = [codec, Codec::Int8];
        let groups = groups.iter().map(|image| {
            let mut group = decode(image, &codecs)?;
            let rows = natural(&group[1])?;
            Ok((group.swap_remove(0), rows))
        });
        Ok((distinct, Some(groups.collect::<Result<_, _>>()?)))
    }

    fn count_by(self, groups: Listed) -> Cell {
        let Some(groups) = groups else {
            return Cell::Null;
        };
        if self.has_decided_equality() {
            let codec = &self.meta.codec;
            return Groups::new(codec, groups).map_or(Cell::Null, |groups| groups.count_by(codec));
        }
        count_by(groups)
    }
}

/// The aggregate function of a value.
pub fn function_sql(column: &ColumnMeta, function: Function, value: &str) -> String {
    let word = function.word();
    match (function, &column.own_operators) {
        (Function::Distinct | Function::CountBy, _) => format!("count(DISTINCT {value})"),
        (Function::Min | Function::Max, Some(own)) if own.names.iter().any(|name| name == "<") => {
            format!("{}.{word}({value})", own.schema)
        }
        _ => format!("pg_catalog.{word}({value})"),
    }
}

fn decode(mut image: &[u8], codecs: &[Codec]) -> Result<Vec<Datum>, Unreadable> {
    decode_image(&mut image, codecs).map_err(|_| Unreadable)
}

fn natural(count: &Datum) -> Result<u64, Unreadable> {
    match count {
        Datum::Int(count) => u64::try_from(*count).map_err(|_| Unreadable),
        _ => Err(Unreadable),
    }
}

fn position_or_push<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    match items.iter().position(|known| *known == item) {
        Some(at) => at,
        None => {
            items.push(item);
            items.len() - 1
        }
    }
}
