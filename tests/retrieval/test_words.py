"""Words of keyword search in every script and language."""
# ruff: noqa: RUF001 - letters that look like others are what is tested

import pytest
import Stemmer
from hypothesis import given
from hypothesis import strategies as st

from docmind_core.retrieval.keyword import KeywordSearcher
from docmind_core.retrieval.words import STOP_WORDS, indexed_words, searched_words
from docmind_core.suites.plain_values import LANGUAGES_WITHOUT_STEMMER
from tests.documents import make_chunk

LANGUAGES = (*Stemmer.algorithms(), *LANGUAGES_WITHOUT_STEMMER)


def found(query, *texts, language="english"):
    """Positions of the texts that a query finds, best first."""
    chunks = [make_chunk(f"{position}#0", text) for position, text in enumerate(texts)]
    hits = KeywordSearcher.build(chunks, language=language).search(query, 10)
    return [int(hit.chunk.doc_id) for hit in hits]


def words(text, language="english"):
    return searched_words([text], language)[0]


def test_words_are_stemmed_and_stop_words_and_single_letters_left_out():
    assert words("The running_dogs, of x") == ["run", "dog"]


@pytest.mark.parametrize(
    ("query", "right", "wrong"),
    [
        ("法国的首都是哪里？", "巴黎是法国的首都。", "柏林位于德国。"),
        ("フランスの首都はどこですか", "パリはフランスの首都である。", "ドイツには森が多い。"),
        ("เมืองหลวงของฝรั่งเศสคือเมืองใด", "ปารีสเป็นเมืองหลวงของประเทศฝรั่งเศส", "กล้วยมีสีเหลือง"),
        ("ទីក្រុងភ្នំពេញនៅឯណា", "រាជធានីភ្នំពេញជាទីក្រុងធំ", "ផ្លែចេក"),
        ("ນະຄອນຫຼວງຂອງລາວ", "ວຽງຈັນເປັນນະຄອນຫຼວງຂອງປະເທດລາວ", "ໝາກກ້ວຍ"),
        ("မြန်မာနိုင်ငံ၏မြို့တော်", "နေပြည်တော်သည်မြန်မာနိုင်ငံ၏မြို့တော်ဖြစ်သည်", "ငှက်ပျောသီး"),
        ("서울의 인구", "서울은 인구가 많다", "바나나는 노랗다"),
        ("हिन्दी की लिपि", "हिन्दी देवनागरी लिपि में लिखी जाती है", "केला पीला है"),
        ("தமிழ் எழுத்து", "தமிழ் மொழியின் எழுத்து முறை", "வாழைப்பழம்"),
    ],
    ids=["zh", "ja", "th", "km", "lo", "my", "ko", "hi", "ta"],
)
def test_a_question_finds_its_text_in_every_script(query, right, wrong):
    assert found(query, wrong, right)[0] == 1


@pytest.mark.parametrize("query", ["猫", "猫。", " 猫 ", "猫?", "貓猫"[1:]])
def test_a_query_of_one_character_finds_the_texts_that_hold_it(query):
    assert found(query, "我家的黑猫很可爱", "狗在院子里") == [0]


def test_pairs_tell_texts_of_the_same_characters_apart():
    assert found("蜂蜜", "蜜蜂采花", "买蜂蜜") == [1]


@pytest.mark.parametrize("query", ["RTX4090 价格", "rtx4090", "显卡RTX4090多少钱"])
def test_words_within_another_script_stay_words(query):
    assert found(query, "新的GPU显卡RTX4090价格很高", "木材的种类")[0] == 0
    assert "rtx4090" in words(query)


def test_a_single_letter_next_to_another_script_is_kept():
    assert words("C语言") == ["c", "语言"]
    assert found("第5章", "第4章 河流", "第5章 山脉")[0] == 1


def test_forms_of_the_same_characters_are_one():
    assert words("ｶﾀｶﾅ") == words("カタカナ")
    assert words("ＲＴＸ４０９０") == ["rtx4090"]
    assert words("e\u0301cole", "french") == words("\u00e9cole", "french")
    assert words("葛\U000e0100城") == words("葛城")


def test_what_cannot_be_seen_parts_no_word():
    assert words("data\u00adbase") == ["databas"]
    assert words("ភ្នំ\u200bពេញ") == words("ភ្នំពេញ")


def test_turkish_capitals_are_the_small_letters_of_turkish():
    assert words("İSTANBUL ILIK", "turkish") == words("istanbul ılık", "turkish")
    assert words("İstanbul") == words("istanbul")


@pytest.mark.parametrize(
    ("language", "query", "text"),
    [
        ("german", "die Häuser", "Das Haus steht."),
        ("french", "les chevaux", "un cheval"),
        ("spanish", "los gatos", "el gato negro"),
        ("russian", "книгами", "Это книга."),
    ],
)
def test_a_language_finds_other_forms_and_leaves_its_own_stop_words_out(language, query, text):
    other = query.split()[0] + " zzz"
    assert found(query, other, text, language=language) == [1] if " " in query else [1]


def test_without_a_language_words_are_found_as_they_are_written():
    assert words("The running dogs", "none") == ["the", "running", "dogs"]
    assert found("dog", "dogs", "the dog", language="none") == [1]


def test_stop_words_of_one_language_are_words_of_another():
    assert words("die", "german") == []
    assert words("die", "english") == ["die"]
    assert words("是", "chinese") == []


@pytest.mark.parametrize("language", LANGUAGES)
@given(text=st.text(max_size=60))
def test_a_text_is_found_by_its_own_words_in_every_language(language, text):
    (held,), (searched,) = indexed_words([text], language), searched_words([text], language)

    assert set(searched) <= set(held)


def test_every_list_of_stop_words_belongs_to_a_language_that_a_suite_may_name():
    assert set(STOP_WORDS) <= set(LANGUAGES)


def test_an_index_of_one_language_is_not_another_s(tmp_path):
    chunks = [make_chunk("a#0", "die Häuser")]
    KeywordSearcher.build(chunks, language="german").save(tmp_path)

    assert KeywordSearcher.load(tmp_path, chunks).search("Haus", 5)
    assert not KeywordSearcher.load(tmp_path, chunks).search("die", 5)
