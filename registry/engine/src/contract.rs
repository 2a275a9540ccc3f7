//! The suite that every [`Driver`] passes: what components see, and what harms nobody but them.
//!
//! A driver's tests call [`crate::driver_contract!`] with a function that makes one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "test code: each function is one test and says by its name what it shows"
)]

pub mod context;
pub mod crowd;
pub mod errors;
pub mod fixture;
pub mod framework;
pub mod hostile;
pub mod page;
pub mod plugins;
pub mod provider;
pub mod sandbox;
pub mod stream;
pub mod view;

/// Makes one test of each function of the contract.
///
/// `$driver`: an async function without arguments that answers `Arc<dyn Driver>`.
#[macro_export]
macro_rules! driver_contract {
    ($driver:expr) => {
        $crate::driver_contract!(@module provider, $driver, [
            callback_answers
            promise_with_a_value_answers
            promise_of_a_provider_with_a_callback_may_be_empty
            first_answer_wins
            module_exports_and_exports_both_work
            timers_run_and_can_be_cleared
            module_state_survives_between_calls
            calls_in_flight_do_not_wait_for_each_other
            numbers_that_json_cannot_hold_reach_the_provider
            model_is_told_as_json_stringify_does
            warm_programs_answer
        ]);
        $crate::driver_contract!(@module context, $driver, [
            context_has_ocs_keys_in_order
            accept_language_is_parsed_as_oc_does
            headers_are_lower_cased_and_kept_in_order
            header_arguments_must_be_strings
            cookies_are_kept_with_their_options
            empty_response_is_marked
            nested_component_is_rendered_by_the_registry
            nested_components_answer_in_order_with_errors
            nested_names_are_checked
            environment_is_that_of_the_program
        ]);
        $crate::driver_contract!(@module errors, $driver, [
            thrown_error_is_told
            rejected_promise_is_told
            error_of_a_timer_is_marked
            string_error_has_no_message
            object_error_keeps_status_and_members
            falsy_data_is_an_error
            missing_provider_is_told_as_oc_does
            syntax_error_fails_each_call
            missing_dependency_is_named
            deadline_covers_awaits
            circular_model_is_told_as_v8_does
            big_integer_in_the_model_is_told_as_v8_does
            hostile_errors_are_bounded
            stack_traces_hold_no_path_of_the_machine
        ]);
        $crate::driver_contract!(@module view, $driver, [
            es6_view_fills_its_element
            es6_view_keeps_nothing_of_a_caller
            es6_view_without_html_starts_in_the_browser
            provider_and_view_run_in_one_call
            empty_response_is_not_rendered
            view_error_is_told
            handlebars_view_is_linked_to_its_runtime
            view_of_an_old_compiler_is_refused
            model_that_cannot_be_parsed_fails_the_view
            view_sees_no_provider_globals
        ]);
        $crate::driver_contract!(@module stream, $driver, [
            promises_are_told_as_they_settle
            promises_are_empty_where_nothing_is_streamed
            what_has_no_encoding_fails_the_stream
            stream_ends_at_the_deadline
            stream_of_a_blocking_component_is_cut
            stream_output_is_bounded
            dropped_stream_ends_its_call
        ]);
        $crate::driver_contract!(@module framework, $driver, [
            component_is_rendered_by_its_framework
            error_of_a_component_is_told
            error_of_the_provider_comes_before_that_of_the_view
            html_may_be_a_promise
            html_that_never_comes_ends_at_the_deadline
        ]);
        $crate::driver_contract!(@module page, $driver, [
            page_is_filled_and_written
            browser_fills_the_page_again
            effects_wait_for_the_browser
            pages_are_those_of_one_caller
            page_without_anything_is_rendered
            names_that_would_be_markup_are_refused
        ]);
        $crate::driver_contract!(@module plugins, $driver, [
            plugins_answer_at_once_by_callback_and_by_promise
            plugin_with_context_knows_the_component
            plugins_are_registered_after_those_they_depend_on
            values_cross_as_copies
            nothing_of_a_plugin_is_reachable
            bad_plugins_fail_each_call_with_a_reason
            limits_hold_inside_plugins
            plugins_get_ready_for_others_when_a_call_is_late
            plugins_get_ready_for_others_when_a_caller_goes_away
            plugins_need_not_be_used
            plugins_may_fetch_and_fail_later
            programs_without_plugins_have_none
        ]);
        $crate::driver_contract!(@module sandbox, $driver, [
            globals_are_those_of_oc
            nothing_of_the_host_is_reachable
            errors_lead_to_nothing_of_the_host
            prototypes_belong_to_one_program
            buffers_work
            urls_work
            aborting_works
            crypto_works
            fetch_asks_the_registry
            fetches_are_counted
            console_reaches_the_log_only_when_asked
        ]);
        $crate::driver_contract!(@module hostile, $driver, [
            endless_loops_are_stopped
            other_programs_answer_meanwhile
            program_answers_again_after_it_was_stopped_and_suspended
            work_without_a_pause_is_bounded
            memory_is_bounded
            recursion_is_bounded
            deep_json_is_bounded
            output_is_bounded
            headers_are_bounded
        ]);
    };
    (@module $module:ident, $driver:expr, [$($name:ident)*]) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $name() {
                    $crate::contract::$module::$name($driver().await).await;
                }
            )*
        }
    };
}
