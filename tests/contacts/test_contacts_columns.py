"""A header that is not recognised leaves a commune's list unread; one recognised wrongly stores what must not be."""

import unicodedata

import pytest

from engine.errors import LoaError
from engine.pipeline.contact_columns import REASON_HEADERS, field_of, find_header, read_header


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        (
            "SĐT|ĐT|Số ĐT|Điện thoại|Số điện thoại|phone|S.Đ.T|so dien thoai|SỐ ĐIỆN THOẠI (*)|Số ĐT:|Phone Number",
            "phone",
        ),
        ("Họ và tên|HỌ TÊN|Họ tên|name|Họ và tên (viết hoa)|Full name", "name"),
        ("Xã/Phường|Xã|Phường|Xã / Phường|Xã, phường|commune|Xã/phường/thị trấn|Xã/Phường/Đặc khu", "commune"),
        ("Huyện|Quận/Huyện|Huyện (cũ)|district|Huyện/Thị xã/Thành phố", "district"),
        ("Tỉnh|Tỉnh/Thành phố|province|Tỉnh/TP", "province"),
        ("Nhóm|groups|Nhóm đối tượng", "groups"),
        ("Ngôn ngữ|language|Tiếng", "language"),
        ("Đồng ý|consent|Đồng ý nhận tin", "consent"),
        ("era", "era"),
        ("Email|E-MAIL|Thư điện tử|THƯ ĐIỆN TỬ (nếu có)|Địa chỉ thư điện tử|Hộp thư|email address|E - mail", "email"),
    ],
)
def test_usual_headers_are_recognised(headers: str, field: str) -> None:
    for header in headers.split("|"):
        assert field_of(header) == field, header
        assert field_of(unicodedata.normalize("NFD", f"  {header} ")) == field, header


@pytest.mark.parametrize(
    "header", ["STT", "Ngày sinh", "Dân tộc", "CCCD", "Ghi chú", "Giới tính", "Địa chỉ", "Tên chủ hộ", "", "Nạn nhân"]
)
def test_what_must_not_be_stored_is_no_column_of_ours(header: str) -> None:
    assert field_of(header) is None


def test_titles_above_the_header_are_passed_over() -> None:
    titles = [["UBND XÃ MẪU SƠN"], ["DANH SÁCH SỐ ĐIỆN THOẠI"], [""]]
    rows = [*titles, ["STT", "SĐT", "Xã"]]
    found = find_header(enumerate(rows, 1))
    assert found
    assert (found[0], found[1].places) == (4, {"phone": 1, "commune": 2})
    assert find_header(enumerate([[""]] * 14 + [["SĐT"]], 1))
    assert find_header(enumerate([[""]] * 15 + [["SĐT"]], 1)) is None


def test_two_columns_for_one_thing_are_not_guessed_between() -> None:
    with pytest.raises(LoaError) as refused:
        read_header(["SĐT", "Điện thoại", "Xã"])
    assert refused.value.code == "column-twice"
    assert refused.value.values == {"first": "SĐT", "second": "Điện thoại"}
    assert read_header(["Xã", "xã", "không phải tiêu đề"]) is None


def test_codes_of_communes_serve_where_no_column_names_them() -> None:
    columns = read_header(["SĐT", "Mã xã"])
    assert columns
    assert columns.places["commune"] == 1
    columns = read_header(["SĐT", "Mã xã", "Xã"])
    assert columns
    assert columns.places["commune"] == 2


@pytest.mark.parametrize("reason", REASON_HEADERS.values())
def test_the_reason_of_an_earlier_import_is_known_and_no_field(reason: str) -> None:
    columns = read_header(["SĐT", "Xã", reason])
    assert columns
    assert columns.reason == 2
    assert field_of(reason) is None
