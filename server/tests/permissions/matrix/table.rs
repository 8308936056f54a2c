//! Who gets what from each route.

/// A request: its method, its address, and behind an empty space what it brings.
pub struct Request {
    pub method: String,
    pub path: String,
    pub body: String,
}

impl Request {
    pub fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, ' ');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        Self {
            method: next(),
            path: next(),
            body: next(),
        }
    }

    pub fn kind(&self) -> &'static str {
        match (
            self.path.starts_with("/api/"),
            self.path.starts_with("/api/import/"),
        ) {
            (false, _) => "application/x-www-form-urlencoded",
            (true, true) => "text/csv",
            (true, false) => "application/json",
        }
    }
}

/// The route, a request of it, and what everybody gets: the columns are those of
/// [`NAMES`](super::people::NAMES); `in` is being led to where one signs in.
///
/// In requests, `{own}` is a row of one's own, `{new}` the key of none, `{me}` one's name; the
/// rest is made for the request.
#[rustfmt::skip]
pub const HTTP: &[(&str, &str, &str)] = &[
    // Which route                           Which request                                       anon none rows cols read edit admin expired ended revoked
    ("GET /healthz",                         "GET /healthz",                                     "200 200 200 200 200 200 200 200 200 200"),
    ("GET /readyz",                          "GET /readyz",                                      "200 200 200 200 200 200 200 200 200 200"),
    ("GET /metrics",                         "GET /metrics",                                     "200 200 200 200 200 200 200 200 200 401"),

    ("GET /api/tables",                      "GET /api/tables",                                  "401 200 200 200 200 200 200 401 401 401"),
    ("GET /api/tables/{table}",              "GET /api/tables/ticket",                           "401 404 200 200 200 200 200 401 401 401"),
    ("GET /api/tables/{table}",              "GET /api/tables/vault",                            "401 404 404 404 404 404 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/ticket?order=id",                    "401 404 200 200 200 200 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/ticket?q=zanzibar",                  "401 404 200 200 200 200 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/ticket?note=not.is.null",            "401 404 200 400 200 200 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/ticket?order=note",                  "401 404 200 400 200 200 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/ticket?aggregate=max(title)",        "401 404 200 200 200 200 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/ticket?aggregate=max(note)",         "401 404 200 400 200 200 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/ticket.csv",                         "401 404 200 200 200 200 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/ticket.json?select=note",            "401 404 200 400 200 200 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/vault",                              "401 404 404 404 404 404 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/rowcast.saved_view?table_path=eq.ticket", "401 404 404 404 200 200 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/rowcast.permission",                 "401 404 404 404 404 404 404 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/rowcast.notification",               "401 200 200 200 200 200 200 401 401 401"),
    ("GET /api/rows/{table}",                "GET /api/rows/rowcast.notification.csv",           "401 200 200 200 200 200 200 401 401 401"),
    ("GET /api/live/{table}",                "GET /api/live/rowcast.notification?order=id.desc", "401 200 200 200 200 200 200 401 401 401"),
    ("DELETE /api/rows/{table}/{key}",       "DELETE /api/rows/rowcast.notification/{told}",     "401 422 422 422 422 422 422 401 401 401"),
    ("GET /api/history/{table}/{key}",       "GET /api/history/rowcast.notification/{told}",     "401 404 404 404 404 404 404 401 401 401"),
    ("POST /api/rows/{table}",               "POST /api/rows/ticket {\"id\":{new},\"assignee\":\"{me}\"}",      "401 404 201 201 403 201 201 401 401 401"),
    ("POST /api/rows/{table}",               "POST /api/rows/ticket {\"id\":{new},\"assignee\":\"stranger\",\"title\":\"x\"}", "401 404 403 201 403 201 201 401 401 401"),
    ("POST /api/rows/{table}",               "POST /api/rows/ticket {\"id\":{new},\"assignee\":\"{me}\",\"note\":\"x\"}", "401 404 201 400 403 201 201 401 401 401"),
    ("POST /api/rows/{table}",               "POST /api/rows/vault {\"id\":{new}}",              "401 404 404 404 404 404 201 401 401 401"),
    ("PATCH /api/rows/{table}/{key}",        "PATCH /api/rows/ticket/{own} {\"set\":{\"amount\":7}}", "401 404 200 200 403 200 200 401 401 401"),
    ("PATCH /api/rows/{table}/{key}",        "PATCH /api/rows/ticket/{own} {\"set\":{\"amount\":7},\"expect\":{\"amount\":-1}}", "401 404 409 409 403 409 409 401 401 401"),
    ("PATCH /api/rows/{table}/{key}",        "PATCH /api/rows/ticket/{own} {\"set\":{\"note\":\"x\"}}", "401 404 200 400 403 200 200 401 401 401"),
    ("PATCH /api/rows/{table}/{key}",        "PATCH /api/rows/ticket/1 {\"set\":{\"amount\":7}}", "401 404 404 200 403 200 200 401 401 401"),
    ("DELETE /api/rows/{table}/{key}",       "DELETE /api/rows/ticket/{own}",                    "401 404 204 204 403 204 204 401 401 401"),
    ("DELETE /api/rows/{table}/{key}",       "DELETE /api/rows/ticket/{own} {\"expect\":{\"amount\":-1}}", "401 404 409 409 403 409 409 401 401 401"),
    ("POST /api/batch/{table}",              "POST /api/batch/ticket {\"changes\":[{\"op\":\"update\",\"key\":[{own}],\"set\":{\"amount\":8}}]}", "401 404 200 200 403 200 200 401 401 401"),
    ("POST /api/batch/{table}",              "POST /api/batch/ticket {\"changes\":[{\"op\":\"update\",\"key\":[1],\"set\":{\"amount\":8}}]}", "401 404 404 200 403 200 200 401 401 401"),
    ("POST /api/bulk/{table}",               "POST /api/bulk/ticket?id=eq.{own} {\"set\":{\"amount\":9},\"count\":1}", "401 404 200 200 403 200 200 401 401 401"),
    ("POST /api/bulk/{table}",               "POST /api/bulk/ticket?id=eq.{own} {\"delete\":true,\"count\":1}", "401 404 200 200 403 200 200 401 401 401"),
    ("POST /api/bulk/{table}",               "POST /api/bulk/ticket?id=eq.1 {\"set\":{\"amount\":9},\"count\":1}", "401 404 409 200 403 200 200 401 401 401"),
    ("POST /api/bulk/{table}",               "POST /api/bulk/ticket {\"dry_run\":true}",         "401 404 200 200 403 200 200 401 401 401"),
    ("POST /api/import/{table}",             "POST /api/import/ticket id,assignee\n{new},{me}\n", "401 404 201 201 403 201 201 401 401 401"),
    ("POST /api/import/{table}",             "POST /api/import/ticket?dry_run=true id,assignee\n{new},{me}\n", "401 404 200 200 403 200 200 401 401 401"),
    ("GET /api/history/{table}/{key}",       "GET /api/history/ticket/{own}",                    "401 404 403 200 200 200 200 401 401 401"),
    ("GET /api/history/{table}/{key}",       "GET /api/history/ticket/1",                        "401 404 403 200 200 200 200 401 401 401"),
    ("GET /api/chart/{table}",               "GET /api/chart/ticket?chart=title",                "401 404 200 200 200 200 200 401 401 401"),
    ("GET /api/chart/{table}",               "GET /api/chart/ticket?chart=note",                 "401 404 200 400 200 200 200 401 401 401"),
    ("GET /api/views/{table}",               "GET /api/views/ticket?made={view}",                "401 404 200 200 200 200 200 401 401 401"),
    ("POST /api/views/{table}",              "POST /api/views/ticket {\"name\":\"{n}\",\"query\":\"amount=gt.1\"}", "401 404 201 201 201 201 201 401 401 401"),
    ("PATCH /api/views/{table}/{id}",        "PATCH /api/views/ticket/{view} {\"name\":\"now {n}\"}", "401 404 404 404 403 403 200 401 401 401"),
    ("DELETE /api/views/{table}/{id}",       "DELETE /api/views/ticket/{view}",                  "401 404 404 404 403 403 204 401 401 401"),
    ("POST /api/presence/{table}",           "POST /api/presence/ticket {\"session\":\"0123456789abcdef\",\"name\":\"{me}\"}", "401 404 204 204 204 204 204 401 401 401"),
    ("DELETE /api/presence/{table}",         "DELETE /api/presence/ticket?session=0123456789abcdef", "401 204 204 204 204 204 204 401 401 401"),
    ("GET /api/live/{table}",                "GET /api/live/ticket?order=id",                    "401 404 200 200 200 200 200 401 401 401"),
    ("GET /api/live/{table}",                "GET /api/live/ticket?note=not.is.null",            "401 404 200 400 200 200 200 401 401 401"),
    ("GET /api/live/{table}",                "GET /api/live/vault",                              "401 404 404 404 404 404 200 401 401 401"),
    ("GET /api/ws",                          "GET /api/ws",                                      "401 400 400 400 400 400 400 401 401 401"),
    ("ANY /api/{*rest}",                     "GET /api/nothing/here",                            "401 404 404 404 404 404 404 401 401 401"),
    ("ANY /api",                             "GET /api",                                         "401 404 404 404 404 404 404 401 401 401"),

    ("GET /api/me",                          "GET /api/me",                                      "401 200 200 200 200 200 200 401 401 401"),
    ("GET /api/notifications",               "GET /api/notifications",                           "401 200 200 200 200 200 200 401 401 401"),
    ("POST /api/notifications",              "POST /api/notifications {\"title\":\"{n}\"}",      "401 201 201 201 201 201 201 401 401 401"),
    ("POST /api/notifications",              "POST /api/notifications {\"user\":\"rows\",\"title\":\"{n}\"}", "401 403 201 403 403 403 201 401 401 401"),
    ("PUT /api/notifications/settings",      "PUT /api/notifications/settings {\"quiet\":null}", "401 204 204 204 204 204 204 401 401 401"),
    ("POST /api/notifications/read",         "POST /api/notifications/read {\"ids\":[{told}]}",  "401 200 200 200 200 200 200 401 401 401"),
    ("PATCH /api/notifications/{id}",        "PATCH /api/notifications/{told} {\"read\":true}",  "401 204 204 204 204 204 204 401 401 401"),
    ("PATCH /api/notifications/{id}",        "PATCH /api/notifications/{others} {\"read\":true}", "401 404 404 404 404 404 404 401 401 401"),
    ("DELETE /api/notifications/{id}",       "DELETE /api/notifications/{told}",                 "401 204 204 204 204 204 204 401 401 401"),
    ("DELETE /api/notifications/{id}",       "DELETE /api/notifications/{others}",               "401 404 404 404 404 404 404 401 401 401"),
    ("GET /api/sessions",                    "GET /api/sessions",                                "401 200 200 200 200 200 200 401 401 401"),
    ("DELETE /api/sessions",                 "DELETE /api/sessions",                             "401 204 204 204 204 204 204 401 401 401"),
    ("DELETE /api/sessions/{id}",            "DELETE /api/sessions/{session}",                   "401 204 204 204 204 204 204 401 401 401"),
    ("GET /api/tokens",                      "GET /api/tokens",                                  "401 200 200 200 200 200 200 401 401 401"),
    ("POST /api/tokens",                     "POST /api/tokens {\"name\":\"{n}\",\"scopes\":[\"read\"],\"expires\":\"1d\"}", "401 201 201 201 201 201 201 401 401 401"),
    ("DELETE /api/tokens/{id}",              "DELETE /api/tokens/{token}",                       "401 204 204 204 204 204 204 401 401 401"),
    ("GET /api/users",                       "GET /api/users",                                   "401 403 403 403 403 403 200 401 401 401"),
    ("POST /api/users",                      "POST /api/users {\"name\":\"{n}\",\"password\":\"correct horse battery\"}", "401 403 403 403 403 403 201 401 401 401"),
    ("GET /api/users/{id}",                  "GET /api/users/{user}",                            "401 403 403 403 403 403 200 401 401 401"),
    ("PATCH /api/users/{id}",                "PATCH /api/users/{user} {\"disabled\":true}",      "401 403 403 403 403 403 200 401 401 401"),
    ("GET /api/invitations",                 "GET /api/invitations",                             "401 403 403 403 403 403 200 401 401 401"),
    ("POST /api/invitations",                "POST /api/invitations {\"user\":{user}}",          "401 403 403 403 403 403 201 401 401 401"),
    ("DELETE /api/invitations/{id}",         "DELETE /api/invitations/{link}",                   "401 403 403 403 403 403 204 401 401 401"),
    ("GET /api/permissions",                 "GET /api/permissions",                             "401 403 403 403 403 403 200 401 401 401"),
    ("PUT /api/permissions/{role}/{table}",  "PUT /api/permissions/{role}/ticket {\"read\":true}", "401 403 403 403 403 403 200 401 401 401"),
    ("POST /api/permissions/{role}/{table}", "POST /api/permissions/{role}/ticket {\"grant\":{\"read\":true}}", "401 403 403 403 403 403 200 401 401 401"),
    ("DELETE /api/permissions/{role}/{table}", "DELETE /api/permissions/{said}/ticket",          "401 403 403 403 403 403 204 401 401 401"),
    ("GET /api/roles",                       "GET /api/roles",                                   "401 403 403 403 403 403 200 401 401 401"),
    ("POST /api/roles",                      "POST /api/roles {\"name\":\"r{n}\"}",              "401 403 403 403 403 403 201 401 401 401"),
    ("DELETE /api/roles/{role}",             "DELETE /api/roles/{role}",                         "401 403 403 403 403 403 204 401 401 401"),

    ("GET /",                                "GET /",                                            "in 200 200 200 200 200 200 in in 401"),
    ("GET /tables/{table}",                  "GET /tables/ticket?order=id",                      "in 404 200 200 200 200 200 in in 401"),
    ("GET /tables/{table}",                  "GET /tables/ticket?order=id&~view={view}",                  "in 404 200 200 200 200 200 in in 401"),
    ("GET /tables/{table}",                  "GET /tables/ticket?order=note",                    "in 404 200 400 200 200 200 in in 401"),
    ("GET /tables/{table}",                  "GET /tables/vault",                                "in 404 404 404 404 404 200 in in 401"),
    ("GET /tables/{table}/filter",           "GET /tables/ticket/filter?column=amount&operator=eq&value=1", "in 303 303 303 303 303 303 in in 401"),
    ("GET /design",                          "GET /design",                                      "in 200 200 200 200 200 200 in in 401"),
    ("GET fallback",                         "GET /nothing/here",                                "in 404 404 404 404 404 404 in in 401"),
    ("GET /login",                           "GET /login",                                       "200 303 303 303 303 303 303 200 200 200"),
    ("POST /login",                          "POST /login name={n}&password=correct+horse+battery", "403 403 403 403 403 403 403 403 403 403"),
    ("POST /logout",                         "POST /logout",                                     "in in in in in in in in in in"),
    ("GET /join",                            "GET /join?token=x",                                "400 400 400 400 400 400 400 400 400 400"),
    ("POST /join",                           "POST /join token=x&password=x&again=x",            "400 400 400 400 400 400 400 400 400 400"),
    ("GET /account",                         "GET /account",                                     "in 200 200 200 200 200 200 in in 401"),
    ("POST /account/password",               "POST /account/password now=x&password=correct+horse&again=x", "in 400 400 400 400 400 400 in in 401"),
    ("POST /account/sessions",               "POST /account/sessions",                           "in 303 303 303 303 303 303 in in 401"),
    ("POST /account/sessions/{id}",          "POST /account/sessions/{session}",                 "in 303 303 303 303 303 303 in in 401"),
    ("POST /account/tokens",                 "POST /account/tokens name={n}&scope=read&expires=7d", "in 200 200 200 200 200 200 in in 401"),
    ("POST /account/tokens/{id}",            "POST /account/tokens/{token}",                     "in 303 303 303 303 303 303 in in 401"),
    ("GET /tables/{table}",                  "GET /tables/rowcast.notification",                 "in 200 200 200 200 200 200 in in 401"),
    ("GET /notifications",                   "GET /notifications",                               "in 200 200 200 200 200 200 in in 401"),
    ("POST /notifications/read",             "POST /notifications/read ids={told}",              "in 303 303 303 303 303 303 in in 401"),
    ("POST /notifications/quiet",            "POST /notifications/quiet from=22%3A00&to=07%3A00", "in 303 303 303 303 303 303 in in 401"),
    ("POST /notifications/{id}/{what}",      "POST /notifications/{told}/unread",                "in 303 303 303 303 303 303 in in 401"),
    ("POST /notifications/{id}/{what}",      "POST /notifications/{others}/remove",              "in 404 404 404 404 404 404 in in 401"),
    ("GET /users",                           "GET /users",                                       "in 403 403 403 403 403 200 in in 401"),
    ("POST /users/invite",                   "POST /users/invite",                               "in 403 403 403 403 403 200 in in 401"),
    ("POST /users/invitations/{id}",         "POST /users/invitations/{link}",                   "in 403 403 403 403 403 303 in in 401"),
    ("POST /users/{id}/{what}",              "POST /users/{user}/disable",                       "in 403 403 403 403 403 303 in in 401"),
    ("POST /users/{id}/{what}",              "POST /users/{user}/attributes attributes=%7B%7D",  "in 403 403 403 403 403 303 in in 401"),
    ("GET /permissions",                     "GET /permissions",                                 "in 403 403 403 403 403 200 in in 401"),
    ("POST /permissions",                    "POST /permissions name=p{n}",                      "in 403 403 403 403 403 303 in in 401"),
    ("POST /permissions/roles/{role}/remove", "POST /permissions/roles/{role}/remove",           "in 403 403 403 403 403 303 in in 401"),
    ("GET /permissions/{table}",             "GET /permissions/public.ticket",                   "in 403 403 403 403 403 200 in in 401"),
    ("POST /permissions/{table}/{role}",     "POST /permissions/public.ticket/{role} what=set&read=on", "in 403 403 403 403 403 303 in in 401"),
    ("POST /permissions/{table}/{role}",     "POST /permissions/public.ticket/{said} what=look&read=on", "in 403 403 403 403 403 200 in in 401"),
];
