//! The documents say what there is.

use flightrec_sql::TABLES;

use crate::support::{Store, ask};

#[test]
fn every_table_and_column_is_documented() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sql.md")).unwrap();
    let store = Store::with(&[]);
    let engine = store.engine();
    for table in TABLES {
        let heading = format!("### `{table}`");
        let section = page.split(&heading).nth(1).unwrap_or_else(|| panic!("{table} has no section"));
        let section = section.split("\n#").next().unwrap();
        let named: Vec<&str> = section.split('`').skip(1).step_by(2).collect();
        for row in ask(&engine, &format!("DESCRIBE {table}")) {
            let column = row[0].as_str().unwrap();
            assert!(column.starts_with("payload_") || named.contains(&column), "{table}.{column}");
        }
    }
}

#[test]
fn the_examples_can_be_asked() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sql.md")).unwrap();
    let examples = page.split("## Examples").nth(1).unwrap().split("```").nth(1).unwrap().trim_start_matches("sql");
    let store = Store::with(&crate::workload::Generator::new(2).run(600).events);
    let engine = store.engine();
    let mut asked = 0;
    for query in examples.split(';').filter(|query| !query.trim().is_empty()) {
        ask(&engine, query);
        asked += 1;
    }
    assert!(asked >= 4);
}
