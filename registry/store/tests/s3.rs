//! The contract suite on S3: `OCHRE_TEST_S3_ENDPOINT` and `OCHRE_TEST_S3_BUCKET` name an endpoint
//! with conditional writes, credentials `test`/`test`, and an existing bucket.

use ochre_store::{
    Backend, Secret, StoreSettings,
    contract::{Subject, catalogs, faults, publishing, states},
};

fn subject() -> Subject {
    Subject::open(StoreSettings {
        backend: Backend::S3,
        components_dir: format!("contract-{}", uuid::Uuid::new_v4()),
        bucket: variable("OCHRE_TEST_S3_BUCKET"),
        endpoint: Some(variable("OCHRE_TEST_S3_ENDPOINT")),
        access_key_id: Some("test".to_owned()),
        secret_access_key: Some(Secret::new("test")),
        allow_http: true,
        ..StoreSettings::default()
    })
}

#[expect(clippy::disallowed_methods, reason = "where the test server is")]
#[expect(
    clippy::expect_used,
    reason = "without a server there is nothing to test"
)]
fn variable(name: &str) -> String {
    std::env::var(name).expect("OCHRE_TEST_S3_ENDPOINT and OCHRE_TEST_S3_BUCKET are set")
}

/// Makes a test of each function of the suite.
macro_rules! suite {
    ($($module:ident::$name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $module::$name(&subject()).await;
            }
        )+
    };
}

suite! {
    publishing::the_store_keeps_its_promises,
    publishing::a_published_release_is_read_by_another_process,
    publishing::a_version_is_published_once,
    publishing::one_of_many_publishes_of_a_version_wins,
    publishing::every_one_of_many_publishes_is_listed,
    publishing::a_change_survives_its_caller,
    publishing::another_spelling_of_a_name_is_refused,
    publishing::files_that_cannot_be_stored_are_refused,
    publishing::damaged_files_are_served_from_the_release_object,
    publishing::variants_and_packs_are_kept,
    catalogs::a_poll_without_news_is_empty,
    catalogs::a_version_of_another_registry_is_taken_over,
    catalogs::a_held_store_is_read_and_never_written,
    catalogs::a_listed_version_without_files_is_passed_over,
    catalogs::a_damaged_list_keeps_the_catalog_and_is_rebuilt,
    catalogs::a_list_that_lost_a_version_gets_it_back,
    catalogs::everything_in_the_store_is_found_without_manifests,
    states::a_state_is_seen_by_another_process,
    states::a_channel_is_moved_rolled_back_and_removed,
    states::one_of_many_moves_that_expect_the_same_wins,
    states::states_and_channels_outlive_a_lost_index,
    states::a_version_of_another_registry_gets_a_state,
    faults::one_fault_at_any_call_is_survived,
}
