from scripts.guide_coverage import COVERAGE, covering_tests, document, items, named_items


def test_ranges_and_lists_of_items_are_understood():
    assert named_items("covers S13-S16, S20 and S59\u2013S60, not AS3 or S123") == {
        *("S13", "S14", "S15", "S16", "S20", "S59", "S60")
    }


def test_every_item_of_the_guide_has_its_sentence():
    assert list(items()) == [f"S{number}" for number in range(1, 73) if not 47 <= number <= 50]
    assert all(items().values())


def test_every_item_of_the_guide_has_a_test():
    tests = covering_tests()
    assert [item for item in items() if item not in tests] == []


def test_a_test_counts_where_it_itself_names_the_item(tmp_path):
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_one.py").write_text(
        '"""About S1."""\nclass TestIt:\n    """S2."""\n    def test_a(self):\n        pass  \x23 S3\n'
        'def test_b():\n    """S5."""\n    assert \'S4\'\n'
    )

    assert covering_tests(folder) == {
        "S3": ["tests/test_one.py::test_a"],
        "S5": ["tests/test_one.py::test_b"],
    }


def test_the_document_is_what_its_command_writes():
    assert COVERAGE.read_text("utf-8") == document(), "run: .venv/bin/python scripts/guide_coverage.py"
