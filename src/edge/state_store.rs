//! The store that the configuration names: the state folder, and where it names one, a table that machines
//! share.

use crate::config::{self, Env, Settings};
use crate::error::Error;
use crate::store::Store;

/// Opens the store. Makes its folder only when it is to be `written`. A table is asked only when a document
/// is read or changed.
pub fn open(settings: &Settings, env: &Env, written: bool) -> Result<Store, Error> {
    let dir = config::state_dir(settings, env)?;
    let store = if written { Store::open(&dir)? } else { Store::at(&dir) };
    match &settings.state.shared {
        None => Ok(store),
        Some(shared) => with_table(store, shared, settings, env),
    }
}

#[cfg(feature = "dynamodb")]
fn with_table(
    store: Store,
    shared: &config::SharedState,
    settings: &Settings,
    env: &Env,
) -> Result<Store, Error> {
    use super::aws::{DynamoTable, table_scope};
    use crate::store::{SharedRecords, lock_rules};

    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.map(|name| name.trim().to_owned()).or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| "unknown".into());
    let scope = table_scope(&shared.dynamodb, &settings.aws, env);
    let table = &shared.dynamodb.table;
    let table = DynamoTable::connect(&scope, &settings.monitoring, table, &host)?;
    Ok(store.with_shared(SharedRecords::new(Box::new(table), lock_rules(shared.max_skew))))
}

#[cfg(not(feature = "dynamodb"))]
fn with_table(_: Store, _: &config::SharedState, _: &Settings, _: &Env) -> Result<Store, Error> {
    Err(Error::wrong(
        "state.shared needs the feature 'dynamodb', which this program was built without: build with \
         'cargo build --release --features dynamodb', or remove state.shared",
    ))
}

#[cfg(all(test, not(feature = "dynamodb")))]
mod tests {
    use super::*;

    #[test]
    fn table_is_refused_by_a_program_without_it() {
        let mut settings = Settings::default();
        settings.state.dir = Some("/nonexistent".into());
        let env = Env::default();
        assert!(open(&settings, &env, false).is_ok());
        settings.state.shared = Some(config::SharedState::default());
        let error = open(&settings, &env, false).unwrap_err();
        assert!(matches!(error, Error::Wrong(_)), "{error}");
        assert!(error.to_string().contains("--features dynamodb"), "{error}");
    }
}
