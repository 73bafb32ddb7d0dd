"""What is promised about failures, the tests that hold it, and what was measured."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Promise(NamedTuple):
    """A statement.

    Attributes:
        statement: What holds.
        tests: The tests that hold it, as path::name below `tests`.
        figure: What was measured, from a record.
        still: What of it does not hold yet, and why.
    """

    statement: str
    tests: tuple[str, ...]
    figure: Callable[[], str] | str = ""
    still: str = ""


def recorded(name: str) -> Any:
    return json.loads((ROOT / "benchmarks" / "records" / f"{name}.json").read_text(encoding="utf-8"))


def kills() -> str:
    found = recorded("faults")
    good = sum(len(one["kills"]) for one in found["recipes"].values() if not one["unlike"])
    return (
        f"{good} of {found['kills']} SIGKILLs over {len(found['recipes'])} recipes; "
        f"{found['mid_checkpoint']} while a checkpoint was being written"
    )


def spoilt() -> str:
    recipes = recorded("faults")["recipes"].values()
    ways = [way for found in recipes for way in found["spoilt"]]
    good = sum(len(found["spoilt"]) for found in recipes if not found["unlike_after_spoiling"])
    return f"{good} of {len(ways)} newest checkpoints spoilt in {len(set(ways))} ways were passed over"


def of_process(name: str) -> Callable[[], str]:
    def said() -> str:
        found = recorded("faults")["processes"][name]
        return f"exit {found['exit']}".replace("[", "").replace("]", "").replace(", ", " and ")

    return said


def hostile() -> str:
    found, led = recorded("hostile"), recorded("guided")
    wrong = sum(len(each["wrong"]) for each in led["kinds"].values())
    return (
        f"{found['typed or valid']:,} of {found['cases']:,} hostile files, {found['typed']:,} of them refused; "
        f"processes started, objects unpickled, connections made: {sum(found['forbidden'].values())}; led by "
        f"what they reach, {led['cases']:,} more, of which {wrong} went wrong"
    )


def shipped() -> str:
    lines = (ROOT / "hashes.txt").read_text(encoding="utf-8").splitlines()
    return f"{sum('--hash=sha256:' in line for line in lines)} hashes"


def determinism() -> str:
    rows = recorded("determinism")["instances"].values()
    same = sum(row["again"] and row["elsewhere"] and row["untouched"] for row in rows)
    most = max(value for row in rows for what in ("threads", "batches") for value in row[what].values())
    said = f"{same} of {len(rows)} instances again bit for bit, in two processes; by other threads or batches at most"
    return f"{said} {most:.0e} off; [recipe by recipe](#recipe-by-recipe)"


def asked() -> str:
    found = recorded("fuzzed")["figures"].values()
    cases, same = (sum(each[what] for each in found) for what in ("cases", "the reference was the same after"))
    other = sum(len(each.get("else", [])) + sum(each["errors"].values()) for each in found)
    return f"{cases:,} cases; asked {same:,} times, as before but {other}"


def refusing() -> str:
    found = recorded("serving")["figures"]["refusals"]
    return f"{found['refused']:,} refused, 99 of 100 within {found['p99 ms']} ms; {found['memory grew MB']} MB more"


def lasting() -> str:
    found = recorded("serving")["figures"]["lasting"]
    return (
        f"{found['requests']:,} requests in {found['minutes']:g} minutes, {found['lost']} lost; memory "
        f"{100 * found['grown since the first minute']:+.1f} % since the first"
    )


def memory() -> str:
    found = recorded("memory")
    more = [figures["more"] for figures in found["megabytes"].values()]
    rows = found["rows"]
    return f"{rows:,} rows take at most {max(more):.1f} MB more than {rows // 100:,}, in {len(more)} forms of file"


TABLE: dict[str, list[Promise]] = {
    "Nothing is lost": [
        Promise(
            "A training killed at any instant, also while a checkpoint is being written, goes on by `--resume` and "
            "ends bit for bit where it would have: weights, optimizer, average, metrics, in every stage.",
            (
                "training/test_kill.py::test_a_killed_run_resumes_bit_for_bit",
                "zoo_tests/test_chains.py::test_a_kill_in_any_stage_changes_nothing",
                "training/test_loop.py::test_a_training_that_crashed_and_resumed_ends_bit_for_bit_where_it_would_have",
            ),
            kills,
            "Rows are gathered in the training process. A DataLoader of the user's with workers of its own begins its "
            "epoch again after a resume, and says so.",
        ),
        Promise(
            "A checkpoint that is cut, changed or emptied, with a manifest of whatever kind, is named and the one "
            "before is used; where all are spoilt there is an error, never a fresh start without a word.",
            (
                "training/test_checkpoint.py::test_a_spoilt_checkpoint_is_named_and_the_one_before_is_used",
                "training/test_checkpoint.py::test_a_manifest_that_is_json_and_wrong_is_passed_over",
                "training/test_checkpoint.py::test_when_all_are_spoilt_nothing_is_resumed",
                "zoo_tests/test_faults.py::test_a_finished_run_without_checkpoints_is_not_trained_over",
                "zoo_tests/test_faults.py::test_a_spoilt_line_of_metrics_keeps_no_run_from_loading",
            ),
            spoilt,
        ),
        Promise(
            "Where the disk is full, or files may not become so large, a training ends with what helps, its last "
            "checkpoint whole and no half one left; a file of samples or scores is whole, or what was there before.",
            (
                "zoo_tests/test_processes.py::test_a_full_disk_is_the_users_message",
                "training/test_checkpoint.py::test_a_failed_write_leaves_nothing_behind",
                "apps/test_parts.py::test_a_full_disk_leaves_what_was_there",
            ),
            of_process("a limit of files"),
            "A training always stops: there is no way to go on without checkpoints.",
        ),
        Promise(
            "A loss or gradient that is not finite is skipped before the step, told with its step, player, the layer "
            "and the rows where it began, and counted; ten in a row end the training, or bring it back to its last "
            "good checkpoint at half the rate. No checkpoint holds a number that is not finite, and no file with one "
            "is loaded.",
            (
                "training/test_finite.py::test_a_skipped_step_moves_nothing",
                "training/test_finite.py::test_the_first_layer_and_the_rows_that_were_not_finite_are_named",
                "training/test_finite.py::"
                "test_a_training_goes_back_with_half_the_rate_and_goes_on_the_same_when_it_is_killed",
                "training/test_finite.py::test_gradients_that_stay_nan_end_the_training_and_every_checkpoint_is_finite",
                "training/test_finite.py::test_weights_that_are_not_finite_are_never_saved",
                "zoo_tests/test_faults.py::test_weights_that_are_not_finite_are_refused",
            ),
            "",
            "Rows are named where a layer's output has one of each; what is computed outside of layers is told by its "
            "loss alone. Fits in passes do not go back.",
        ),
        Promise(
            "How a training ended, however it did, and what was wrong with it can be told of its folder, without its "
            "data and without building its model.",
            (
                "zoo_tests/test_examination.py::test_a_run_that_an_error_ended_one_that_was_killed_and_one_that_runs",
                "zoo_tests/test_examination.py::test_what_is_spoilt_is_told_and_what_is_whole_is_used",
                "zoo_tests/test_examination.py::test_data_that_are_gone_and_a_disk_that_is_full_are_told",
            ),
            "",
            "Where the disk was so full that the journal took no last line, a run looks as if it had been killed.",
        ),
        Promise(
            "A validation that is NaN is never the best one; which step is kept is said, and a training that keeps "
            "the best stops where validation has risen for eight looks.",
            (
                "training/test_validation.py::test_a_validation_that_is_not_finite_is_never_the_best",
                "training/test_validation.py::test_which_step_is_kept_is_said",
                "training/test_validation.py::test_keeping_the_best_stops_where_validation_has_risen_for_long",
            ),
        ),
        Promise(
            "Out of memory is told with the size of the batch and the flags that help; `--auto-batch` halves it until "
            "it fits. Samples and scores take fewer rows at a time where those do not fit.",
            (
                "zoo_tests/test_processes.py::test_what_does_not_fit_into_the_memory_is_told_and_can_be_halved",
                "apps/test_parts.py::test_what_does_not_fit_into_the_memory_is_made_in_smaller_parts",
                "apps/test_parts.py::test_a_row_that_does_not_fit_is_the_users_message",
            ),
            "",
            "`--auto-batch` makes the batch smaller rather than splitting it, so the run is the one that begins with "
            "the smaller batch; `accumulate` splits it. The errors are injected: no device was filled.",
        ),
        Promise(
            "Any number of samples or scores goes into a file in the same memory.",
            (
                "apps/test_parts.py::test_samples_in_parts_are_those_at_once",
                "data/test_codec.py::test_rows_that_come_in_parts_make_the_file_of_all_of_them",
            ),
            memory,
            "`model.sample(n)` returns one tensor, which grows with n; a line of a grid of pictures grows with its "
            "root, and rows that are scored are read first.",
        ),
        Promise(
            "Files that cannot be read stop a training before its first step, with a list of the first ten; "
            "`skip_bad` leaves them out, counts them, and keeps the order of the rest.",
            (
                "apps/test_data.py::test_bad_files_stop_a_training_before_it_begins_unless_they_are_skipped",
                "apps/test_data.py::test_check_tells_what_was_understood_and_what_cannot_be_read",
                "data/test_skip_bad.py::test_cells_that_are_no_numbers_among_numbers",
                "data/test_skip_bad.py::test_sounds",
                "data/test_skip_bad.py::test_pictures",
            ),
        ),
        Promise(
            "Where one of several processes dies, torchrun's restart goes on from the last checkpoint.",
            ("zoo_tests/test_processes.py::test_processes_that_torchrun_starts_again_go_on",),
            of_process("torchrun"),
            "How soon the others end is torchrun's doing, and not measured.",
        ),
        Promise(
            "SIGTERM and SIGINT wait for the end of the step and a checkpoint; the command line exits with 143 or "
            "130. Several processes stop at one step, whichever of them heard.",
            (
                "training/test_guard.py::test_a_signal_saves_the_step_and_resume_goes_on_from_it",
                "zoo_tests/test_processes.py::test_processes_stop_at_one_step",
                "zoo_tests/test_processes.py::test_the_exit_code_tells_which_signal_asked",
            ),
            of_process("SIGTERM to one of two"),
            "A step is not cut short: one that takes longer than the grace time is lost.",
        ),
        Promise(
            "A run's folder has one owner: a second process is refused, and told which one has it; the lock dies with "
            "its owner.",
            ("training/test_guard.py::test_a_run_folder_has_one_owner_and_a_dead_one_lets_go",),
            of_process("a taken folder"),
        ),
    ],
    "Nothing foreign is believed": [
        Promise(
            "Nothing is unpickled or evaluated, and no file names what is imported.",
            (
                "test_architecture.py::test_nothing_is_unpickled_or_evaluated",
                "test_architecture.py::test_no_module_is_imported_by_name",
            ),
        ),
        Promise(
            "Whatever stands in a file, opening it gives a valid result or one of genzoo's own errors, soon and in "
            "little memory, and writes no file. Pipes, devices and links to them are refused before they are opened.",
            (
                "test_hostile.py::test_files",
                "test_hostile.py::test_runs",
                "test_hostile.py::test_compressed_files",
                "test_hostile.py::test_handmade",
                "test_special_files.py::test_no_reader_opens_one",
                "test_special_files.py::test_no_run_opens_one",
            ),
            hostile,
        ),
        Promise(
            "Names, shapes and types of weights are compared with the model's before any is copied, and what a "
            "configuration may ask for is bounded before the model is built.",
            (
                "zoo_tests/test_run.py::test_weights_of_another_model",
                "zoo_tests/test_faults.py::test_a_number_where_a_row_of_numbers_is_expected_is_refused",
                "zoo_tests/test_bounds.py::test_a_configuration_that_asks_for_too_much",
                "zoo_tests/test_bounds.py::test_a_training_that_asks_for_too_much",
            ),
            "",
            "A file of weights is read whole before its header is compared.",
        ),
        Promise(
            "Nothing is fetched unasked: a run whose data lie on the hub fetches them only by `--online`, and only at "
            "the commit that it names; runs are fetched by `pull` and `from_pretrained` alone. Importing reaches out "
            "to nothing, and tests may not.",
            (
                "zoo_tests/test_reaching_out.py::test_nothing_is_fetched_unasked",
                "zoo_tests/test_reaching_out.py::test_what_is_pinned_is_fetched_where_it_is_allowed",
                "zoo_tests/test_reaching_out.py::test_what_may_change_is_not_fetched_at_all",
                "zoo_tests/test_hub.py::test_nothing_but_the_run_is_shared",
                "test_architecture.py::test_importing_changes_nothing",
            ),
            "",
            "There are no sharded files of weights, and nothing to refuse in their index.",
        ),
        Promise(
            "Images, sounds, cells and rows that are larger than any should be are refused before they are decoded.",
            (
                "data/test_tables.py::test_too_wide_and_too_long_are_refused_before_they_are_taken_apart",
                "data/test_broken_images.py::test_any_bytes_of_images_and_archives",
            ),
        ),
    ],
    "The same numbers": [
        Promise(
            "Sample i of seed s depends on (s, i) alone, and what a model tells of a row on that row alone, whatever "
            "the batch, the order and the number of processes.",
            (
                "core/test_noise.py::test_rows_do_not_depend_on_how_they_are_cut",
                "conformance/test_promises.py::test_the_contract_holds",
                "training/test_team.py::test_two_processes_with_half_the_batch_each_equal_one_with_the_whole",
            ),
        ),
        Promise(
            "One configuration and seed give the same run, in another process too; the global randomness of torch, "
            "NumPy and Python is untouched by every public entry.",
            (
                "zoo_tests/test_run.py::test_a_fresh_process_makes_the_same_samples",
                "test_global_state.py::test_an_entry_leaves_global_randomness_alone",
                "test_architecture.py::test_every_draw_comes_from_noise",
            ),
            determinism,
        ),
        Promise(
            "Noise is the same to the bit on every device.",
            ("core/test_noise.py::test_numpy_and_torch_agree_in_every_bit",),
            "",
            "Samples on a GPU were not held against those on a processor: no test has a GPU.",
        ),
        Promise(
            "Flows: the log-determinant is that of the Jacobian, inverses come back, densities integrate to one.",
            (
                "models/flows/test_exactness.py::test_ladj_is_that_of_the_jacobian",
                "models/flows/test_exactness.py::test_inverses_bring_back_x_from_far_out_too",
                "models/flows/test_flow.py::test_densities_of_the_plane_integrate_to_one",
            ),
        ),
        Promise(
            "Bounds lie below the log-probability and rise to it; masses over all rows sum to one; nothing later is "
            "seen by an autoregressive model.",
            (
                "conformance/test_density.py::test_autoencoders_over_levels_sum_to_one_and_bound_from_below",
                "conformance/test_density.py::test_dequantized_bounds_rise_to_the_mass",
                "models/autoregressive/test_gpt.py::test_nothing_later_is_seen",
                "models/autoregressive/test_made.py::test_nothing_later_is_seen",
            ),
        ),
        Promise(
            "A solver that claims an order has it.",
            ("models/diffusion/test_samplers.py::test_solvers_have_their_order",),
        ),
        Promise(
            "A metric is zero between equals, keeps the symmetries that it claims, and agrees with another library.",
            (
                "distributions/test_axioms.py::test_what_the_table_grants_holds",
                "evaluation/test_kernel.py::test_is_the_unbiased_mmd_and_equals_torchmetrics",
                "evaluation/test_inputs.py::test_every_container_and_precision_gives_one_value",
            ),
            "[oracles](evaluation.md)",
        ),
    ],
    "What is served": [
        Promise(
            "A server is reached by this machine alone, unless it has a key, which all routes ask for that are not "
            "about its health; by its own names, and not by pages of other sites.",
            (
                "apps/test_serve.py::test_strangers_are_refused",
                "apps/test_studio.py::test_pages_of_other_sites_are_refused",
                "apps/test_studio.py::test_a_studio_with_a_key_shows_its_page_and_nothing_else_without_it",
            ),
        ),
        Promise(
            "Heads, bodies, files and the work that is asked for are bounded before any is done, and what never comes "
            "is not waited for.",
            (
                "apps/test_serve.py::test_bodies_are_refused_before_they_are_read",
                "apps/test_serve_http.py::test_a_head_that_does_not_end_is_refused",
                "apps/test_serve_http.py::test_what_follows_a_body_does_not_go_on_for_ever",
                "apps/test_serve_http.py::test_what_never_comes_is_not_waited_for",
                "apps/test_serve_pictures.py::test_options_are_of_their_kind_and_only_steps_are_counted",
            ),
        ),
        Promise(
            "A full line refuses at once and says when to come again; what it took is answered.",
            ("apps/test_serve.py::test_a_full_line_says_when_to_come_again",),
            refusing,
        ),
        Promise(
            "Work ends within a symbol or an operation when its client goes away or its time is over, and nobody "
            "else's.",
            (
                "apps/test_serve.py::test_work_ends_with_the_client_and_with_the_time",
                "apps/test_serve.py::test_rows_that_are_done_cost_no_more",
            ),
        ),
        Promise(
            "Row i of a seed is row i of the command line, whatever else is answered with it; a request that cannot "
            "be answered fails alone.",
            (
                "apps/test_serve.py::test_rows_are_those_of_the_command_line_whatever_else_is_served",
                "apps/test_serve.py::test_rows_of_several_seeds_have_the_numbers_of_each",
                "apps/test_serve.py::test_one_request_that_fails_fails_alone",
            ),
        ),
        Promise(
            "Every error has one shape and names the field and the fix; the client of OpenAI raises its own.",
            (
                "apps/test_serve.py::test_errors_name_the_field_and_the_fix",
                "apps/test_serve.py::test_the_client_of_openai_asks_it_unchanged",
                "apps/test_serve_pictures.py::test_errors_of_forms_name_the_field_and_the_fix",
            ),
        ),
        Promise(
            "Whatever one request says, the server is there afterwards, and answers a reference request as before.",
            ("apps/test_serve_http.py::test_what_is_no_request_is_told_so",),
            asked,
        ),
        Promise(
            "SIGTERM lets it take no more, answer what it has, tell who is left, and exit with 0; twice ends it at "
            "once.",
            (
                "apps/test_serve.py::test_it_ends_when_all_is_answered",
                "apps/test_serve.py::test_a_second_signal_ends_it_at_once",
                "apps/test_serve_http.py::test_what_is_left_in_the_middle_is_told",
            ),
        ),
        Promise(
            "Nothing that was asked or answered stands in the log or in what is counted, and memory stays.",
            ("apps/test_serve.py::test_nothing_that_was_asked_is_kept",),
            lasting,
        ),
        Promise(
            "Pages load nothing but their own files, and what a model says is never read as markup.",
            (
                "apps/test_studio.py::test_the_page_loads_nothing_but_its_own_files",
                "apps/test_studio.py::test_what_a_model_says_never_becomes_markup",
                "apps/test_studio.py::test_runs_are_listed_and_none_outside_is_reached",
            ),
        ),
    ],
    "What is shipped": [
        Promise(
            "Every installation is pinned; what is declared is imported, and what is imported is declared.",
            (
                "test_packaging.py::test_every_direct_need_is_pinned_within_its_range",
                "test_packaging.py::test_what_is_declared_is_imported_and_what_is_imported_is_declared",
                "test_packaging.py::test_nothing_forbidden_is_pinned",
                "test_packaging.py::test_every_pin_but_that_of_torch_has_a_hash",
                "test_packaging.py::test_what_is_installed_fits_together_and_has_licences",
            ),
            shipped,
            "Hashes are those of Linux x86-64 and CPython 3.11; `make test` installs by versions.",
        ),
        Promise(
            "A wheel built twice, once of the source archive, has the same bytes, and holds the package and nothing "
            "else; `make supply` writes it with a bill of materials and the licences of all needs.",
            (
                "test_packaging.py::test_the_wheel_is_complete_and_repeatable",
                "test_packaging.py::test_what_is_installed_fits_together_and_has_licences",
            ),
            "",
            "No job installs the wheel into a fresh environment.",
        ),
        Promise(
            "The suite passes with the version of torch that is pinned, and every Python sees the parts of modules.",
            (
                "test_packaging.py::test_every_direct_need_is_pinned_within_its_range",
                "test_architecture.py::test_no_module_is_asked_whether_it_is_a_protocol",
            ),
            "",
            "Python 3.13 with torch 2.14 was tried by hand, and no job repeats it.",
        ),
    ],
}
