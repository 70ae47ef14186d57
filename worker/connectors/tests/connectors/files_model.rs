//! A sequence of writes to a file has the same result as the sequence on a map.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use syncline_engine::{
    Value,
    ports::{ReadMode, Write},
    value::Fields,
};

use crate::place::{create, delete, fetch_all, fields, ids, list, marker, open, update, write};

type Model = BTreeMap<String, String>;

#[derive(Debug, Clone)]
enum Op {
    Create(u8, String),
    Update(u8, String),
    Delete(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let content = "[a\",\n\r; é]{0,6}";
    prop_oneof![
        (0u8..6, content).prop_map(|(id, title)| Op::Create(id, title)),
        (0u8..6, content).prop_map(|(id, title)| Op::Update(id, title)),
        (0u8..6).prop_map(Op::Delete),
    ]
}

fn apply(model: &mut Model, op: &Op) -> Write {
    let title = |text: &String| fields([("title", Value::Text(text.clone()))]);
    match op {
        Op::Create(id, text) => {
            model.entry(id.to_string()).or_insert_with(|| text.clone());
            create(marker(&id.to_string()), title(text))
        }
        Op::Update(id, text) => {
            model.entry(id.to_string()).and_modify(|title| title.clone_from(text));
            update(&id.to_string(), title(text), Fields::new())
        }
        Op::Delete(id) => {
            model.remove(&id.to_string());
            delete(&id.to_string())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_is_a_map(batches in prop::collection::vec(prop::collection::vec(op(), 1..6), 1..5), start in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("rows.csv");
            let kept = "kept,\"as it \"\"is\"\"\",x\r\n";
            let end = if start { "0,zero" } else { "0,zero,\n" };
            std::fs::write(&path, format!("id,title,other\r\n{kept}{}", if start { "0,zero," } else { end })).unwrap();
            let mut model = Model::from([("0".to_owned(), "zero".to_owned())]);
            let connector = open(&json!({ "path": path })).await.unwrap();
            for batch in &batches {
                let writes: Vec<Write> = batch.iter().map(|op| apply(&mut model, op)).collect();
                write(&*connector, &writes).await;
                let (items, listing) = list(&*connector, ReadMode::Full).await;
                let found: Model = items
                    .into_iter()
                    .filter(|item| item.id != "kept")
                    .map(|item| {
                        let title = match &item.fields["title"] {
                            Value::Text(text) => text.clone(),
                            _ => String::new(),
                        };
                        (item.id, title)
                    })
                    .collect();
                assert_eq!(found, model);
                assert!(listing.complete);
                // The index must also match a fresh read of the file.
                for item in fetch_all(&*connector, &ids(&*connector, ReadMode::Full).await).await {
                    assert!(item.id == "kept" || model.contains_key(&item.id));
                }
                assert!(std::fs::read_to_string(&path).unwrap().contains(kept));
            }
        });
    }
}
