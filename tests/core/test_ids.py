"""Public ids."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from core.ids import from_public, to_public, uuid7


class TestTypeId:
    @given(st.uuids())
    def test_comes_back_as_the_same_uuid(self, value):
        assert from_public("gen", to_public("gen", value)) == value

    def test_is_as_in_the_specification(self):
        assert to_public("prefix", UUID("01890a5d-ac96-774b-bcce-b302099a8057")) == "prefix_01h455vb4pex5vsknk084sn02q"
        assert to_public("x", UUID(int=2**128 - 1)) == "x_7zzzzzzzzzzzzzzzzzzzzzzzzz"

    @given(st.text(max_size=40))
    def test_never_raises_for_odd_text(self, text):
        assert from_public("gen", text) is None or text.startswith("gen_")

    def test_refuses_another_prefix_and_overflow(self):
        assert from_public("gen", to_public("ast", uuid7())) is None
        assert from_public("gen", "gen_8zzzzzzzzzzzzzzzzzzzzzzzzz") is None


class TestUuid7:
    def test_is_version_7_and_grows_with_time(self):
        made = [uuid7() for _ in range(200)]
        assert {(value.version, value.variant) for value in made} == {(7, "specified in RFC 4122")}
        assert [value.int >> 80 for value in made] == sorted(value.int >> 80 for value in made)
