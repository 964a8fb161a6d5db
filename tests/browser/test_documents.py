"""Documents in a real browser: added, uploaded, refused with a reason, found, deleted."""

import re

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.site import MAX_DOCUMENT_BYTES, Site

_DROP = """
(content) => {
  const files = new DataTransfer();
  files.items.add(new File([content], "dropped.md", { type: "text/markdown" }));
  const target = document.querySelector("main h1");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true }));
  }
}
"""


def _file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "text/plain", "buffer": content}


def _upload(page: Page, *files: FilePayload) -> Locator:
    page.goto("/documents")
    page.get_by_label("Files to add").set_input_files(list(files))
    return page.get_by_role("region", name="Uploads")


def test_a_text_is_added_listed_and_deleted(site: Site, page: Page) -> None:
    """What is typed in is shown, listed, and gone after its deletion was confirmed."""
    page.goto("/documents")
    page.get_by_role("button", name="Add a text").click()
    page.get_by_label("Title", exact=True).fill("The minutes of Tuesday")
    page.get_by_label("Text", exact=True).fill("We met.\n\nWe parted.")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="The minutes of Tuesday")).to_be_visible()
    expect(page.get_by_text("We parted.")).to_be_visible()

    page.get_by_role("link", name="All documents").click()
    listed = page.get_by_role("region", name="All documents").get_by_role(
        "link", name="The minutes of Tuesday"
    )
    expect(listed).to_be_visible()
    page.get_by_role("button", name="Delete The minutes of Tuesday").click()
    dialog = page.get_by_role("dialog", name="Delete this document?")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    dialog.get_by_role("button", name="Delete").click()
    expect(listed).to_have_count(0)


def test_good_files_are_stored_and_each_bad_one_says_why(site: Site, page: Page) -> None:
    """Too large, broken, of another kind: each has the service's own sentence; the rest is kept."""
    uploads = _upload(
        page,
        _file("good.md", b"# Good\n\nThis is read."),
        _file("large.txt", b"x" * (MAX_DOCUMENT_BYTES + 1)),
        _file("broken.txt", b"\xff\xfe\xfd"),
        _file("picture.png", b"\x89PNG"),
        _file("last.txt", b"The last one."),
    )
    expect(uploads.get_by_text("large.txt has more than 50,000 bytes.")).to_contain_text("MAX_DOCUMENT_BYTES")
    expect(uploads.get_by_text("broken.txt is not UTF-8 text")).to_contain_text("Save it as UTF-8.")
    expect(uploads.get_by_text("picture.png is no kind of file")).to_contain_text("Convert it")
    expect(uploads.get_by_text("Stored: 1 passage")).to_have_count(2)
    uploads.get_by_role("link", name="last.txt").click()
    expect(page.get_by_text("The last one.")).to_be_visible()


def test_a_file_beyond_every_limit_says_so(site: Site, page: Page) -> None:
    """One that is refused before it is read whole is told of, whether or not the answer came through."""
    uploads = _upload(page, _file("huge.txt", b"x" * 3_000_000))
    expect(
        uploads.get_by_text(re.compile("The request has more than|huge.txt was not taken"))
    ).to_be_visible()
    uploads.get_by_role("button", name="Take huge.txt off this list").click()
    expect(uploads).to_have_count(0)


def test_a_dropped_file_is_taken(site: Site, page: Page) -> None:
    """Files may be dropped anywhere on the page of documents."""
    page.goto("/documents")
    expect(page.get_by_role("heading", name="Documents")).to_be_visible()
    page.evaluate(_DROP, "# Dropped\n\nFrom above.")
    expect(page.get_by_role("region", name="Uploads").get_by_text("Stored: 1 passage")).to_be_visible()


def test_what_another_adds_appears_and_is_found(site: Site, page: Page) -> None:
    """Events keep the list fresh without a reload; a search opens the passage where it stands."""
    page.goto("/documents")
    expect(page.get_by_role("searchbox").or_(page.get_by_label("Search in all documents"))).to_be_visible()
    site.add("Octopuses", "Preface.\n\n" + "An octopus has three hearts and blue blood. " * 30)
    expect(page.get_by_text(re.compile(r"^\d+ documents? in \d+ passages?\.$"))).to_be_visible()
    page.get_by_label("Search in all documents").fill("How many hearts has an octopus?")
    page.get_by_label("Search in all documents").press("Enter")
    page.get_by_role("region", name="Passages found").get_by_role("link", name="Octopuses").first.click()
    expect(page.locator("main mark")).to_contain_text("three hearts")
    expect(page.locator("main mark")).to_be_in_viewport()


def test_a_long_list_is_shown_page_by_page(site: Site, page: Page) -> None:
    """The newest first, fifty at a time; the rest comes when asked for."""
    for number in range(60):
        site.add(f"Leaflet {number}", "A leaflet.")
    page.goto("/documents")
    rows = page.get_by_role("region", name="All documents").get_by_role("listitem")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text("Leaflet 59")
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_text("Leaflet 0", exact=True)).to_be_visible()
