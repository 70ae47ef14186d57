use sea_orm::Database;
use syncline_entity::audit_log;
use syncline_migration::{Migrator, Until};

use super::*;

async fn database(folder: &tempfile::TempDir) -> DatabaseConnection {
    let path = folder.path().join("syncline.db");
    let db = Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    Migrator::new().up(&db, &Until::End).await.unwrap();
    db
}

fn new(name: &str) -> NewToken<'_> {
    let scopes = [Scope::Read, Scope::Enqueue].into_iter().collect();
    NewToken { name, scopes, project: None, expires_at: None, environment: "live" }
}

async fn admitted(gate: &Gate, db: &DatabaseConnection, token: &str) -> Result<Caller, Denied> {
    gate.admit(db, Some(token)).await.unwrap()
}

#[tokio::test]
async fn a_token_lets_in_until_it_is_revoked_and_every_wrong_one_is_refused_alike() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let (person, gate) = (Caller::person("mia@desk"), Gate::public());
    let (token, text) = create(&db, &person, &new("ci")).await.unwrap();
    let (_, other) = create(&db, &person, &new("other")).await.unwrap();
    let caller = admitted(&gate, &db, &text).await.unwrap();
    assert_eq!((caller.actor.as_str(), caller.token), ("token ci", Some(token.row.id)));
    assert!(caller.may(Scope::Enqueue) && !caller.may(Scope::Operate));

    // The right id with the secret of another token, whole and with a checksum that fits.
    let swapped = other.replacen(&format!("_{}_", token.row.id + 1), &format!("_{}_", token.row.id), 1);
    for wrong in ["", "Bearer", &swapped, &text[1..], &format!("{}0", text.as_str())] {
        assert_eq!(admitted(&gate, &db, wrong).await, Err(Denied::Wrong), "{wrong}");
    }
    assert_eq!(gate.admit(&db, None).await.unwrap(), Err(Denied::Missing));

    assert!(revoke(&db, &person, token.row.id).await.unwrap().1);
    assert!(!revoke(&db, &person, token.row.id).await.unwrap().1, "it is revoked already");
    assert_eq!(admitted(&gate, &db, &text).await, Err(Denied::Wrong));
    let rows = audit_log::Entity::find().all(&db).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.actor.as_str(), row.action.as_str())).collect();
    let expected = [("mia@desk", "token.create"), ("mia@desk", "token.create"), ("mia@desk", "token.revoke")];
    assert_eq!(told, expected);
    let log = serde_json::to_string(&rows.iter().map(|row| row.details.clone()).collect::<Vec<_>>()).unwrap();
    let secret = text.split('_').nth(3).unwrap();
    assert!(!log.contains(secret) && !log.contains(&token.row.hash), "{log}");
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_its_use_is_noted_once_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let (person, gate) = (Caller::person("mia"), Gate::public());
    let expires_at = Some(Utc::now() + TimeDelta::hours(1));
    let (token, text) = create(&db, &person, &NewToken { expires_at, ..new("ci") }).await.unwrap();
    admitted(&gate, &db, &text).await.unwrap();
    let used = async || {
        let row = api_token::Entity::find_by_id(token.row.id).one(&db).await.unwrap().unwrap();
        row.last_used_at.unwrap()
    };
    let first = used().await;
    admitted(&gate, &db, &text).await.unwrap();
    assert_eq!(used().await, first);

    let past = api_token::ActiveModel {
        id: Set(token.row.id),
        expires_at: Set(Some(Utc::now() - TimeDelta::seconds(1))),
        ..Default::default()
    };
    past.update(&db).await.unwrap();
    assert_eq!(admitted(&gate, &db, &text).await, Err(Denied::Wrong));
    let refused = create(&db, &person, &NewToken { expires_at: Some(Utc::now()), ..new("late") }).await;
    assert!(refused.unwrap_err().to_string().contains("expires_at"));
}

#[tokio::test]
async fn this_machine_needs_no_token_until_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let person = Caller::person("mia");
    assert!(Gate::local().admit(&db, None).await.unwrap().unwrap().may(Scope::Admin));
    assert_eq!(admitted(&Gate::local(), &db, "wrong").await, Err(Denied::Wrong), "a wrong one never counts");
    let told = check_public(&db, "0.0.0.0:8080", false).await.unwrap_err().to_string();
    assert!(told.contains("0.0.0.0:8080") && told.contains("syncline tokens create"), "{told}");
    let (token, _) = create(&db, &person, &new("ci")).await.unwrap();
    check_public(&db, "0.0.0.0:8080", false).await.unwrap();
    assert_eq!(Gate::local().admit(&db, None).await.unwrap(), Err(Denied::Missing));
    revoke(&db, &person, token.row.id).await.unwrap();
    assert!(Gate::local().admit(&db, None).await.unwrap().is_ok());
}

#[tokio::test]
async fn the_operators_own_token_is_an_admin_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let given = "0123456789abcdef0123456789abcdef";
    assert!(Gate::local().with_given(&db, "short").await.unwrap_err().to_string().contains("SYNCLINE_TOKEN"));
    let gate = Gate::local().with_given(&db, given).await.unwrap();
    let again = Gate::public().with_given(&db, given).await.unwrap();
    for gate in [&gate, &again] {
        assert!(admitted(gate, &db, given).await.unwrap().may(Scope::Admin));
    }
    assert_eq!(gate.admit(&db, None).await.unwrap(), Err(Denied::Missing));
    assert_eq!(admitted(&Gate::public(), &db, given).await, Err(Denied::Wrong), "a server without it");
    let known = list(&db, &Caller::person("mia")).await.unwrap();
    assert_eq!(known.len(), 1, "stored once");
    revoke(&db, &Caller::person("mia"), known[0].row.id).await.unwrap();
    assert_eq!(admitted(&gate, &db, given).await, Err(Denied::Wrong));
    assert!(Gate::local().with_given(&db, given).await.unwrap_err().to_string().contains("revoked"));
    // A token that is stored keeps its own permissions, and is no admin for being the server's.
    let (_, text) = create(&db, &Caller::person("mia"), &new("reader")).await.unwrap();
    let gate = Gate::public().with_given(&db, &text).await.unwrap();
    assert!(!admitted(&gate, &db, &text).await.unwrap().may(Scope::Admin));
}

#[tokio::test]
async fn a_caller_of_one_project_sees_and_makes_tokens_of_it_only() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(&folder).await;
    let person = Caller::person("mia");
    let web = project::ActiveModel {
        key: Set("web".to_owned()),
        name: Set("web".to_owned()),
        ..Default::default()
    };
    let web = web.insert(&db).await.unwrap();
    let (whole, _) = create(&db, &person, &new("whole")).await.unwrap();
    let of_web = NewToken { project: Some("web"), ..new("web") };
    let (token, text) = create(&db, &person, &of_web).await.unwrap();
    let caller = admitted(&Gate::public(), &db, &text).await.unwrap();
    assert!(caller.sees(web.id) && !caller.sees(project::DEFAULT_PROJECT));
    let seen: Vec<_> = list(&db, &caller).await.unwrap().into_iter().map(|token| token.row.id).collect();
    assert_eq!(seen, [token.row.id]);
    for refused in [new("all"), NewToken { project: Some("default"), ..new("other") }] {
        assert!(create(&db, &caller, &refused).await.is_err());
    }
    create(&db, &caller, &NewToken { project: Some("web"), ..new("more") }).await.unwrap();
    let foreign = revoke(&db, &caller, whole.row.id).await.unwrap_err();
    assert!(matches!(foreign, Error::Unknown { what: Unknown::Token, .. }), "{foreign}");
    let unknown = create(&db, &person, &NewToken { project: Some("wbe"), ..new("x") }).await.unwrap_err();
    assert!(unknown.to_string().contains("web"), "{unknown}");
}
