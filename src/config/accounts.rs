//! The secrets of accounts: the keys that encrypt them, and Vault.

use syncline_accounts::{Key, Keyring, Settings, VaultLogin, VaultSettings};
use syncline_connectors::{Token, http::HttpConfig};

use super::reader::{Origin, Reader};
use crate::fault::Fault;

/// Reads the settings of accounts. What a command does not use is checked all the same, but nothing is opened.
pub(super) fn read(http: &HttpConfig, reader: &mut Reader<'_>) -> Result<Settings, Fault> {
    let keys = Keyring {
        // `SYNCLINE_SECRET_KEY`, or the file in `SYNCLINE_SECRET_KEY_FILE`; default none.
        current: key("SYNCLINE_SECRET_KEY", reader)?,
        // `SYNCLINE_SECRET_KEY_PREVIOUS`, or the file in `SYNCLINE_SECRET_KEY_PREVIOUS_FILE`; default none.
        previous: key("SYNCLINE_SECRET_KEY_PREVIOUS", reader)?,
    };
    Ok(Settings { http: http.clone(), keys, vault: vault(reader)? })
}

fn key(name: &'static str, reader: &mut Reader<'_>) -> Result<Option<Key>, Fault> {
    let Some(secret) = reader.secret(name)? else {
        reader.note(name, "not set", Origin::Default);
        return Ok(None);
    };
    let key = Key::parse(&secret.value);
    let key = key.map_err(|error| secret.explained(Fault::usage(format!("{name} {error}"))))?;
    reader.note(name, format!("the key {}", key.id()), secret.origin);
    Ok(Some(key))
}

/// None without an address or without a login: other programs use these variables too, and only a reference to Vault
/// needs them.
fn vault(reader: &mut Reader<'_>) -> Result<Option<VaultSettings>, Fault> {
    let mut address = None;
    for name in ["VAULT_ADDR", "VAULT_URL"] {
        if address.is_none() {
            address = reader.environment.text(name)?.map(|text| (name, text));
        }
    }
    match &address {
        // It may hold a user and a password, which are refused when it is used.
        Some((name, text)) => {
            let shown = if text.contains('@') { "set" } else { text };
            reader.note("VAULT_ADDR", shown, Origin::Variable((*name).to_owned()));
        }
        None => reader.note("VAULT_ADDR", "not set", Origin::Default),
    }
    let namespace = plain("VAULT_NAMESPACE", "none", reader)?;
    let mount = plain("VAULT_APPROLE_MOUNT", "approle", reader)?.unwrap_or_else(|| "approle".to_owned());
    let role = plain("VAULT_ROLE_ID", "not set", reader)?;
    let token = hidden("VAULT_TOKEN", reader)?;
    let secret = hidden("VAULT_SECRET_ID", reader)?;
    let login = match (token, role, secret) {
        (Some(token), _, _) => Some(VaultLogin::Token(token)),
        (None, Some(role), Some(secret)) => Some(VaultLogin::AppRole { role, secret, mount }),
        (None, _, _) => None,
    };
    let address = address.map(|(_, address)| address.trim().to_owned());
    Ok(address.zip(login).map(|(address, login)| VaultSettings { address, namespace, login }))
}

fn plain(name: &'static str, usual: &str, reader: &mut Reader<'_>) -> Result<Option<String>, Fault> {
    let text = reader.environment.text(name)?.map(|text| text.trim().to_owned());
    let origin = if text.is_some() { Origin::Variable(name.to_owned()) } else { Origin::Default };
    reader.note(name, text.as_deref().unwrap_or(usual), origin);
    Ok(text)
}

fn hidden(name: &'static str, reader: &mut Reader<'_>) -> Result<Option<Token>, Fault> {
    let Some(secret) = reader.secret(name)? else {
        reader.note(name, "not set", Origin::Default);
        return Ok(None);
    };
    reader.note(name, "set", secret.origin);
    Ok(Some(Token::new(secret.value.trim())))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff";

    /// The settings, and what `syncline config` shows of them.
    fn of(variables: &[(&str, &str)]) -> Result<(Settings, String), String> {
        let (matches, variables) = (matches(&["up"]), Variables(variables));
        let mut reader = Reader::new(&matches, &variables);
        let settings = read(&HttpConfig::default(), &mut reader).map_err(|fault| fault.message)?;
        let shown = reader.into_settings().into_iter().map(|one| format!("{}={}\n", one.variable, one.value));
        Ok((settings, shown.collect()))
    }

    #[test]
    fn keys_and_logins_are_read_and_not_shown() {
        let (settings, shown) = of(&[
            ("SYNCLINE_SECRET_KEY", KEY),
            ("VAULT_ADDR", "https://vault.example.org"),
            ("VAULT_ROLE_ID", "role"),
            ("VAULT_SECRET_ID", "hunter2"),
        ])
        .unwrap();
        let id = settings.keys.current.as_ref().unwrap().id();
        assert!(shown.contains(&format!("SYNCLINE_SECRET_KEY=the key {id}\n")), "{shown}");
        assert!(settings.keys.previous.is_none());
        let vault = settings.vault.unwrap();
        assert!(matches!(&vault.login, VaultLogin::AppRole { mount, .. } if mount == "approle"));
        for text in [shown, format!("{vault:?} {:?}", settings.keys)] {
            assert!(!text.contains("hunter2") && !text.contains(KEY), "{text}");
        }
    }

    #[test]
    fn a_wrong_key_is_refused_without_its_value() {
        let refused = of(&[("SYNCLINE_SECRET_KEY", "hunter2")]).unwrap_err();
        assert!(
            refused.starts_with("SYNCLINE_SECRET_KEY is not a key") && !refused.contains("hunter2"),
            "{refused}"
        );
    }

    #[test]
    fn vault_needs_an_address_and_a_login() {
        for variables in [
            &[][..],
            &[("VAULT_ADDR", "https://v")],
            &[("VAULT_TOKEN", "t")],
            &[("VAULT_ADDR", "https://v"), ("VAULT_ROLE_ID", "r")],
        ] {
            assert!(of(variables).unwrap().0.vault.is_none(), "{variables:?}");
        }
        let (settings, _) = of(&[("VAULT_URL", "https://v"), ("VAULT_TOKEN", "t")]).unwrap();
        assert_eq!(settings.vault.unwrap().address, "https://v");
    }
}
