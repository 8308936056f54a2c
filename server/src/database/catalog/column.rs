//! One column, as statements and the engine need it.

use rowcast_engine::{datum::Codec, schema::Collation};

use crate::database::quote::quote_ident;

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnMeta {
    /// Its name, as queries say it.
    pub name: String,
    /// What it is called in what rows are selected from, if not so: the name of an embedded
    /// column may be too long for a statement.
    pub selected_as: Option<String>,
    /// How its values are imaged.
    pub codec: Codec,
    /// How its text compares.
    pub collation: Collation,
    /// Its type's name for casts: quoted, with its schema, without length or precision. Of a
    /// domain it is the base type, for a filter's value need not obey the domain.
    pub sql_type: String,
    /// Its type as it is declared, with length and precision, as a statement says it.
    pub declared_type: String,
    /// Whether it is an identity that a statement may override, though none does as a rule.
    pub is_always_identity: bool,
    /// Its collation's name, quoted, with its schema; `None` if its type has none.
    pub collation_sql: Option<String>,
    /// The `pg_type.oid` that the column has within an image.
    pub image_type: u32,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Whether whoever it is read for may not read it: it is NULL to them.
    pub is_unreadable: bool,
    /// The operators that its type brings along outside `pg_catalog` (`citext` does), and
    /// the quoted schema they are in.
    pub own_operators: Option<OwnOperators>,
}

/// Operators of a type that lives outside `pg_catalog`, in that type's schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOperators {
    /// The schema, quoted.
    pub schema: String,
    /// Names such as `=` and `~~`.
    pub names: Vec<String>,
}

impl ColumnMeta {
    /// The column's value: `t."name"`, or NULL where it may not be read.
    pub fn value(&self, alias: &str) -> String {
        if self.is_unreadable {
            // Of its own type, also where that is a domain that takes no NULL.
            return format!("(SELECT NULL::{} WHERE FALSE)", self.declared_type);
        }
        let name = self.selected_as.as_ref().unwrap_or(&self.name);
        format!("{alias}.{}", quote_ident(name))
    }

    /// Whether it is of a table that the query's table refers to.
    pub fn is_embedded(&self) -> bool {
        self.selected_as.is_some()
    }

    /// The expression that stands for the column in an image, by its codec.
    pub fn image(&self, alias: &str) -> String {
        self.image_of(&self.value(alias))
    }

    /// The expression that an image holds for a value of the column's type.
    pub fn image_of(&self, value: &str) -> String {
        match self.codec {
            // Not a cast to text: that of `inet` is another text than the type's output.
            // As in the triggers: the type's output, which a cast to text is not always.
            Codec::Textual => {
                format!("CASE WHEN {value} IS NOT NULL THEN pg_catalog.format('%s', {value}) END")
            }
            Codec::JsonbOf => format!("pg_catalog.to_jsonb({value})"),
            _ => value.to_owned(),
        }
    }

    /// The operator of that name between two values of the column's type, as SQL.
    pub fn operator(&self, name: &str) -> String {
        match &self.own_operators {
            Some(own) if own.names.iter().any(|known| known == name) => {
                format!("OPERATOR({}.{name})", own.schema)
            }
            _ => format!("OPERATOR(pg_catalog.{name})"),
        }
    }

    /// Whether `like` takes a pattern of the column's own type rather than `text`.
    pub fn has_own_like(&self) -> bool {
        self.own_operators
            .as_ref()
            .is_some_and(|own| own.names.iter().any(|name| name == "~~"))
    }

    /// Whether every value of the type has text that a cast turns back into the value.
    pub fn has_text_form(&self) -> bool {
        !matches!(self.codec, Codec::JsonbOf | Codec::Json)
    }
}
