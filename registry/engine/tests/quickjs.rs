//! The embedded driver passes the contract.

use std::sync::Arc;

use ochre_engine::{
    driver::Driver,
    quickjs::{QuickJsDriver, QuickJsSettings},
};

ochre_engine::driver_contract!(crate::driver);

fn driver() -> Arc<dyn Driver> {
    let settings = QuickJsSettings {
        threads: 2,
        ..QuickJsSettings::default()
    };
    Arc::new(QuickJsDriver::start(settings).unwrap())
}
