"""The index's fields, and how each takes text apart. Whatever changes here raises ``FORMAT``.

plain    breadcrumb and text, words in lower case, with positions
stem     the same, stemmed by the collection's language
names    exact symbols with their marks: foo.bar_baz, --flag, HTTPError, 42P01
parts    names with an underscore inside longer ones: bar_baz of foo.bar_baz
gist     the stemmed heading of a section and its first sentence, on its first chunk
defines  what the chunk's section defines, whole and by its last part; with = before it in its own letter case
cjk      pairs of neighbouring signs
lead     the stemmed title and first words of a document, on its record alone
own      the document's name by its file, on its record alone
page     the stemmed text of a whole document, on its record alone
path     the document it belongs to
record   the document's path once more, on its record alone
number   the document as a number, to tell chunks of one document without reading them
ordinal  the chunk's place in its document; of a record nothing
prior    what a chunk is worth before any question, about 1
stored   the chunk, or the record, as JSON
"""

from typing import TYPE_CHECKING, Any

from devagent_docs.contract import DocsError

if TYPE_CHECKING:
    import tantivy

FORMAT = 5

NAMES = (
    r"--?[A-Za-z][A-Za-z0-9_-]*"
    r"|[@$.]?[A-Za-z_][A-Za-z0-9_]*(?:(?:\.|::|->|/|-|:)[A-Za-z0-9_]+)+"
    r"|_*[A-Za-z0-9]+(?:_+[A-Za-z0-9]+)+_*|__?[A-Za-z0-9]+_*"
    r"|[a-z]+(?:[A-Z][a-z0-9]*)+|(?:[A-Z][a-z0-9]+){2,}|[A-Z]{2,}[0-9]*[a-z]+\w*"
    r"|[A-Za-z]+\d\w*|\d[0-9A-Za-z]{4}"
)
"""As ``words.NAME``: a test holds the two together."""
_PARTS = r"[A-Za-z0-9]+(?:_+[A-Za-z0-9]+)+"


def library() -> Any:
    """The search library. Raises DocsError no_tantivy where it is not installed."""
    try:
        import tantivy  # noqa: PLC0415 - a native library, on the first search or index only
    except ImportError:
        raise DocsError(
            "Documentation search needs the tantivy package: install devagent[docs].",
            error="no_tantivy",
        ) from None
    return tantivy


def make_schema() -> "tantivy.Schema":
    """The schema."""
    builder = library().SchemaBuilder()
    builder.add_text_field("plain", tokenizer_name="words", index_option="position")
    builder.add_text_field("stem", tokenizer_name="stems", index_option="freq")
    builder.add_text_field("gist", tokenizer_name="stems", index_option="freq")
    builder.add_text_field("names", tokenizer_name="names", index_option="basic")
    builder.add_text_field("parts", tokenizer_name="parts", index_option="basic")
    builder.add_text_field("defines", tokenizer_name="given", index_option="basic")
    builder.add_text_field("cjk", tokenizer_name="given", index_option="freq")
    builder.add_text_field("page", tokenizer_name="stems", index_option="freq")
    builder.add_text_field("lead", tokenizer_name="stems", index_option="freq")
    builder.add_text_field("own", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("path", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("record", tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("number", fast=True)
    builder.add_unsigned_field("ordinal", fast=True)
    builder.add_float_field("prior", fast=True)
    builder.add_bytes_field("stored", stored=True)
    return builder.build()


def register(index: "tantivy.Index", language: str) -> "tantivy.TextAnalyzer":
    """Give an opened index its analyzers; the one for stems comes back, for questions."""
    for name, analyzer in _analyzers(language).items():
        index.register_tokenizer(name, analyzer)
    return _analyzers(language)["stems"]


def _analyzers(language: str) -> "dict[str, tantivy.TextAnalyzer]":
    t = library()
    # Letters and digits alone are five times as quick as the expression, but part words at signs that are
    # neither: the vowel signs of Tamil, and of whatever a collection without a stemmer is written in.
    marked = language in ("tamil", "none")
    words = t.Tokenizer.regex(r"[\p{L}\p{M}\p{N}]+") if marked else t.Tokenizer.simple()
    lower, fold, short = t.Filter.lowercase(), t.Filter.ascii_fold(), t.Filter.remove_long(80)
    stemmer = [] if language == "none" else [t.Filter.stemmer(language)]

    def built(tokenizer: Any, *filters: Any) -> "tantivy.TextAnalyzer":
        builder = t.TextAnalyzerBuilder(tokenizer)
        for one in filters:
            builder = builder.filter(one)
        return builder.build()

    return {
        "words": built(words, short, lower, fold),
        "stems": built(words, short, lower, *stemmer, fold),
        "names": built(t.Tokenizer.regex(NAMES), short, lower),
        "parts": built(t.Tokenizer.regex(_PARTS), short, lower),
        "given": built(t.Tokenizer.whitespace()),
    }
