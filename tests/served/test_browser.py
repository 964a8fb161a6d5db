"""The page of the published images in a real browser, through their nginx: the tests that lose nothing."""

from tests.browser.test_asking import (
    test_a_conversation_survives_a_reload_and_is_gone_on_with,
    test_an_answer_opens_its_passage_in_its_document,
)
from tests.browser.test_documents import (
    test_a_text_is_added_listed_and_deleted,
    test_good_files_are_stored_and_each_bad_one_says_why,
)
from tests.browser.test_service import test_health_names_every_part

__all__ = [
    "test_a_conversation_survives_a_reload_and_is_gone_on_with",
    "test_a_text_is_added_listed_and_deleted",
    "test_an_answer_opens_its_passage_in_its_document",
    "test_good_files_are_stored_and_each_bad_one_says_why",
    "test_health_names_every_part",
]
