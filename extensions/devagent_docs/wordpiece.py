"""Text into the word pieces of a model, by its ``tokenizer.json``: the kind that BERT and static models made from it have.

Only what says it is of that kind is taken; another one would give pieces that the model was not made with.
"""

import re
import unicodedata

import msgspec

from devagent_docs.contract import DocsError

_CJK = re.compile(r"([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
_WORD = re.compile(r"[^\W_]+|[^\s]")
_NORMALIZERS = ("BertNormalizer", "Lowercase", "")
_SPLITTERS = ("BertPreTokenizer", "Whitespace", "")
MOST_CACHED = 200_000


class _Part(msgspec.Struct):
    type: str = ""
    lowercase: bool = False
    strip_accents: bool | None = None


class _Kind(msgspec.Struct):
    type: str = "WordPiece"


class _Pieces(msgspec.Struct):
    vocab: dict[str, int]
    continuing_subword_prefix: str = "##"
    max_input_chars_per_word: int = 100


class _Description(msgspec.Struct):
    model: msgspec.Raw
    normalizer: _Part | None = None
    pre_tokenizer: _Part | None = None


class WordPieces:
    """The pieces of texts, as numbers; what the vocabulary does not know is left out."""

    def __init__(self, data: bytes, where: str) -> None:
        """Raises DocsError no_model."""
        try:
            described = msgspec.json.decode(data, type=_Description)
            kind = msgspec.json.decode(described.model, type=_Kind).type
            if kind != "WordPiece":
                raise _unfit(
                    where, f"its word pieces are of the kind {kind}, and WordPiece is read"
                )
            pieces = msgspec.json.decode(described.model, type=_Pieces)
        except msgspec.MsgspecError as error:
            raise _unfit(where, "tokenizer.json describes no word pieces") from error
        normalizer = described.normalizer or _Part()
        splitter = described.pre_tokenizer or _Part()
        for part, known in ((normalizer, _NORMALIZERS), (splitter, _SPLITTERS)):
            if part.type not in known:
                raise _unfit(where, f"it prepares texts by {part.type}, which is not known here")
        if min(pieces.vocab.values(), default=0) < 0:
            raise _unfit(where, "its rows do not fit its word pieces")
        self._vocabulary = pieces.vocab
        self._prefix = pieces.continuing_subword_prefix
        self._longest = pieces.max_input_chars_per_word
        is_bert = normalizer.type == "BertNormalizer"
        self._lower = normalizer.type == "Lowercase" or (is_bert and normalizer.lowercase)
        accents = normalizer.strip_accents
        self._bare = is_bert and (self._lower if accents is None else accents)
        self._known: dict[str, tuple[int, ...]] = {}

    @property
    def size(self) -> int:
        """One more than the highest number of a piece."""
        return max(self._vocabulary.values(), default=-1) + 1

    def of(self, text: str, most: int) -> list[int]:
        """The numbers of a text's first ``most`` pieces."""
        text = _CJK.sub(r" \1 ", text)
        if self._lower:
            text = text.lower()
        if self._bare and not text.isascii():
            parts = unicodedata.normalize("NFD", text)
            text = "".join(sign for sign in parts if unicodedata.category(sign) != "Mn")
        found: list[int] = []
        for word in _WORD.finditer(text):
            found += self._pieces(word[0])
            if len(found) >= most:
                break
        return found[:most]

    def _pieces(self, word: str) -> tuple[int, ...]:
        known = self._known.get(word)
        if known is None:
            known = self._taken_apart(word)
            if len(self._known) < MOST_CACHED:
                self._known[word] = known
        return known

    def _taken_apart(self, word: str) -> tuple[int, ...]:
        """The longest pieces from the left; a word that has no such parts is unknown as a whole."""
        if len(word) > self._longest:
            return ()
        found: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = self._vocabulary.get((self._prefix if start else "") + word[start:end])
                if piece is not None:
                    found.append(piece)
                    start = end
                    break
            else:
                return ()
        return tuple(found)


def _unfit(where: str, why: str) -> DocsError:
    return DocsError(f"The model in {where} cannot be used: {why}.", error="no_model")
