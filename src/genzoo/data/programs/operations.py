"""The operations of small programs: each takes one value to another, in code and in words of two languages.

Types are those of the value: L a list of whole numbers, I a whole number, S a string, W a list of words, D a
dictionary from words to whole numbers, B a truth value. In words, `{x}` is what is operated on and `{k}` the constant;
in code, `{v}` is the variable. No operation fails on any value of its type, the empty ones included.
"""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

__all__ = ["LETTERS", "OPERATIONS", "Operation"]

VOWELS = "aeiou"
LETTERS = "abcdeghilmnoprst"
FEW, SIZES, ADDED, FACTORS, BOUNDS = range(1, 6), range(2, 7), range(1, 60), range(2, 30), range(-15, 40)


@dataclasses.dataclass(frozen=True)
class Operation:
    """What is done to a value.

    Attributes:
        name: What it is called.
        types: The type that it takes and the type that it gives, as "L>I".
        english: What it gives, in words, as "the sum of {x}".
        step: What is done, as "take the sum".
        chinese: What it gives, in Chinese.
        step_chinese: What is done, in Chinese.
        code: An expression of Python.
        function: The same as a function of the value and, where there is one, of the constant.
        constants: What the constant may be; empty where there is none.
    """

    name: str
    types: str
    english: str
    step: str
    chinese: str
    step_chinese: str
    code: str
    function: Callable[..., Any]
    constants: range | str = ""

    @property
    def takes(self) -> str:
        """The type of what it takes."""
        return self.types[0]

    @property
    def gives(self) -> str:
        """The type of what it gives."""
        return self.types[2]


def _chosen() -> tuple[Operation, ...]:
    """Lists of numbers to those for which something holds."""
    return (
        Operation("evens", "L>L", "the even numbers in {x}", "keep the even numbers", "{x}中的偶数", "保留偶数",
                  "[x for x in {v} if x % 2 == 0]", lambda v: [x for x in v if x % 2 == 0]),
        Operation("odds", "L>L", "the odd numbers in {x}", "keep the odd numbers", "{x}中的奇数", "保留奇数",
                  "[x for x in {v} if x % 2 == 1]", lambda v: [x for x in v if x % 2 == 1]),
        Operation("positives", "L>L", "the positive numbers in {x}", "keep the positive numbers", "{x}中的正数",
                  "保留正数", "[x for x in {v} if x > 0]", lambda v: [x for x in v if x > 0]),
        Operation("negatives", "L>L", "the negative numbers in {x}", "keep the negative numbers", "{x}中的负数",
                  "保留负数", "[x for x in {v} if x < 0]", lambda v: [x for x in v if x < 0]),
        Operation("above", "L>L", "the numbers greater than {k} in {x}", "keep the numbers greater than {k}",
                  "{x}中大于{k}的数", "保留大于{k}的数", "[x for x in {v} if x > {k}]",
                  lambda v, k: [x for x in v if x > k], BOUNDS),
        Operation("below", "L>L", "the numbers less than {k} in {x}", "keep the numbers less than {k}",
                  "{x}中小于{k}的数", "保留小于{k}的数", "[x for x in {v} if x < {k}]",
                  lambda v, k: [x for x in v if x < k], BOUNDS),
        Operation("multiples", "L>L", "the multiples of {k} in {x}", "keep the multiples of {k}", "{x}中{k}的倍数",
                  "保留{k}的倍数", "[x for x in {v} if x % {k} == 0]",
                  lambda v, k: [x for x in v if x % k == 0], range(3, 10)),
        Operation("others", "L>L", "the numbers other than {k} in {x}", "remove every {k}", "{x}中不等于{k}的数",
                  "去掉所有的{k}", "[x for x in {v} if x != {k}]", lambda v, k: [x for x in v if x != k], range(10)),
    )  # fmt: skip


def _changed() -> tuple[Operation, ...]:
    """Lists of numbers to lists of others, or in another order."""
    return (
        Operation("squares", "L>L", "the squares of {x}", "square each number", "{x}的平方", "把每个数平方",
                  "[x * x for x in {v}]", lambda v: [x * x for x in v]),
        Operation("plus", "L>L", "{k} more than each of {x}", "add {k} to each number", "{x}各加{k}的结果",
                  "把每个数加{k}", "[x + {k} for x in {v}]", lambda v, k: [x + k for x in v], ADDED),
        Operation("minus", "L>L", "{k} less than each of {x}", "subtract {k} from each number", "{x}各减{k}的结果",
                  "把每个数减{k}", "[x - {k} for x in {v}]", lambda v, k: [x - k for x in v], ADDED),
        Operation("times", "L>L", "{k} times each of {x}", "multiply each number by {k}", "{x}各乘以{k}的结果",
                  "把每个数乘以{k}", "[x * {k} for x in {v}]", lambda v, k: [x * k for x in v], FACTORS),
        Operation("remainders", "L>L", "the remainders modulo {k} of {x}", "take each number modulo {k}",
                  "{x}除以{k}的余数", "取每个数除以{k}的余数", "[x % {k} for x in {v}]",
                  lambda v, k: [x % k for x in v], FACTORS),
        Operation("opposites", "L>L", "the opposites of {x}", "negate each number", "{x}的相反数", "把每个数取相反数",
                  "[-x for x in {v}]", lambda v: [-x for x in v]),
        Operation("absolutes", "L>L", "the absolute values of {x}", "take the absolute value of each number",
                  "{x}的绝对值", "把每个数取绝对值", "[abs(x) for x in {v}]", lambda v: [abs(x) for x in v]),
        Operation("halves", "L>L", "the halves rounded down of {x}", "halve each number and round down",
                  "{x}除以二取整的结果", "把每个数除以二取整", "[x // 2 for x in {v}]", lambda v: [x // 2 for x in v]),
        Operation("capped", "L>L", "the minimum of {k} and each of {x}", "cap each number at {k}",
                  "{x}以{k}为上限的结果", "把每个数限制到最多{k}", "[min(x, {k}) for x in {v}]",
                  lambda v, k: [min(x, k) for x in v], BOUNDS),
        Operation("ascending", "L>L", "the sorted list of {x}", "sort in ascending order", "{x}从小到大排序的结果",
                  "从小到大排序", "sorted({v})", sorted),
        Operation("descending", "L>L", "the descending list of {x}", "sort in descending order",
                  "{x}从大到小排序的结果", "从大到小排序", "sorted({v}, reverse=True)",
                  lambda v: sorted(v, reverse=True)),
        Operation("reversed", "L>L", "the reverse of {x}", "reverse the list", "{x}的倒序", "把列表倒过来",
                  "{v}[::-1]", lambda v: v[::-1]),
        Operation("distinct", "L>L", "the distinct numbers of {x}", "drop repeated numbers", "{x}去重的结果",
                  "去掉重复的数",
                  "list(dict.fromkeys({v}))", lambda v: list(dict.fromkeys(v))),
        Operation("first", "L>L", "the first {k} of {x}", "keep the first {k}", "{x}的前{k}个", "保留前{k}个",
                  "{v}[:{k}]", lambda v, k: v[:k], FEW),
        Operation("last", "L>L", "the last {k} of {x}", "keep the last {k}", "{x}的后{k}个", "保留后{k}个",
                  "{v}[-{k}:]", lambda v, k: v[-k:], FEW),
        Operation("without_first", "L>L", "all but the first {k} of {x}", "drop the first {k}", "{x}去掉前{k}个的结果",
                  "去掉前{k}个", "{v}[{k}:]", lambda v, k: v[k:], FEW),
        Operation("without_last", "L>L", "all but the last {k} of {x}", "drop the last {k}", "{x}去掉后{k}个的结果",
                  "去掉后{k}个", "{v}[:-{k}]", lambda v, k: v[:-k], FEW),
        Operation("seconds", "L>L", "every second element of {x}", "keep every second element", "{x}中每隔一个的元素",
                  "每隔一个保留一个", "{v}[::2]", lambda v: v[::2]),
        Operation("running", "L>L", "the running sums of {x}", "take the running sums", "{x}的累加和", "求累加和",
                  "[sum({v}[:i + 1]) for i in range(len({v}))]", lambda v: [sum(v[: i + 1]) for i in range(len(v))]),
        Operation("differences", "L>L", "the differences of neighbors in {x}", "take the differences of neighbors",
                  "{x}中相邻数的差", "求相邻数的差", "[b - a for a, b in zip({v}, {v}[1:])]",
                  lambda v: [b - a for a, b in itertools.pairwise(v)]),
    )  # fmt: skip


def _from_lists() -> tuple[Operation, ...]:
    """Lists of numbers to what is no list of numbers."""
    return (
        Operation("sum", "L>I", "the sum of {x}", "take the sum", "{x}的和", "求和", "sum({v})", sum),
        Operation("largest", "L>I", "the largest of {x}", "take the largest", "{x}的最大值", "取最大值",
                  "max({v}, default=0)", lambda v: max(v, default=0)),
        Operation("smallest", "L>I", "the smallest of {x}", "take the smallest", "{x}的最小值", "取最小值",
                  "min({v}, default=0)", lambda v: min(v, default=0)),
        Operation("count", "L>I", "the number of {x}", "count them", "{x}的个数", "求个数", "len({v})", len),
        Operation("mean", "L>I", "the mean rounded down of {x}", "take the mean rounded down", "{x}的平均值取整",
                  "求平均值并取整", "sum({v}) // max(len({v}), 1)", lambda v: sum(v) // max(len(v), 1)),
        Operation("spread", "L>I", "the range of {x}", "take the largest minus the smallest", "{x}的极差", "求极差",
                  "max({v}, default=0) - min({v}, default=0)", lambda v: max(v, default=0) - min(v, default=0)),
        Operation("occurrences", "L>I", "the number of times {k} occurs in {x}", "count how often {k} occurs",
                  "{x}中{k}出现的次数", "数{k}出现的次数", "{v}.count({k})", lambda v, k: v.count(k), range(10)),
        Operation("head", "L>I", "the first element of {x}", "take the first element", "{x}的第一个元素",
                  "取第一个元素",
                  "{v}[0] if {v} else 0", lambda v: v[0] if v else 0),
        Operation("strings", "L>W", "the decimal strings of {x}", "write each number as a string", "{x}的十进制字符串",
                  "把每个数写成字符串", "[str(x) for x in {v}]", lambda v: [str(x) for x in v]),
    )  # fmt: skip


def _of_numbers() -> tuple[Operation, ...]:
    """What takes one whole number."""
    return (
        Operation("more", "I>I", "{k} more than {x}", "add {k}", "{x}加{k}的结果", "加{k}", "{v} + {k}",
                  lambda v, k: v + k, ADDED),
        Operation("less", "I>I", "{k} less than {x}", "subtract {k}", "{x}减{k}的结果", "减{k}", "{v} - {k}",
                  lambda v, k: v - k, ADDED),
        Operation("product", "I>I", "{k} times {x}", "multiply by {k}", "{x}乘以{k}的结果", "乘以{k}", "{v} * {k}",
                  lambda v, k: v * k, FACTORS),
        Operation("remainder", "I>I", "the remainder modulo {k} of {x}", "take the remainder modulo {k}",
                  "{x}除以{k}的余数", "求除以{k}的余数", "{v} % {k}", lambda v, k: v % k, FACTORS),
        Operation("square", "I>I", "the square of {x}", "square it", "{x}的平方", "求平方", "{v} * {v}",
                  lambda v: v * v),
        Operation("absolute", "I>I", "the absolute value of {x}", "take the absolute value", "{x}的绝对值", "取绝对值",
                  "abs({v})", abs),
        Operation("half", "I>I", "the half rounded down of {x}", "halve it and round down", "{x}除以二取整的结果",
                  "除以二取整", "{v} // 2", lambda v: v // 2),
        Operation("digit_sum", "I>I", "the sum of digits of {x}", "add up its digits", "{x}的各位数字之和",
                  "求各位数字之和", "sum(int(c) for c in str(abs({v})))", lambda v: sum(int(c) for c in str(abs(v)))),
        Operation("digits", "I>L", "the digits of {x}", "list its digits", "{x}的各位数字", "列出各位数字",
                  "[int(c) for c in str(abs({v}))]", lambda v: [int(c) for c in str(abs(v))]),
        Operation("decimal", "I>S", "the decimal string of {x}", "write it as a string", "{x}的十进制字符串",
                  "写成字符串", "str({v})", str),
        Operation("is_even", "I>B", "whether {x} is even", "tell whether it is even", "{x}是否为偶数",
                  "判断是否为偶数", "{v} % 2 == 0", lambda v: v % 2 == 0),
        Operation("exceeds", "I>B", "whether {x} is greater than {k}", "tell whether it is greater than {k}",
                  "{x}是否大于{k}", "判断是否大于{k}", "{v} > {k}", lambda v, k: v > k, BOUNDS),
    )  # fmt: skip


def _of_strings() -> tuple[Operation, ...]:
    """What takes a string."""
    return (
        Operation("upper", "S>S", "the upper case of {x}", "make it upper case", "{x}的大写", "变成大写",
                  "{v}.upper()",
                  str.upper),
        Operation("lower", "S>S", "the lower case of {x}", "make it lower case", "{x}的小写", "变成小写",
                  "{v}.lower()",
                  str.lower),
        Operation("backwards", "S>S", "the reversed string of {x}", "reverse the string", "{x}的反转字符串",
                  "反转字符串", "{v}[::-1]", lambda v: v[::-1]),
        Operation("start", "S>S", "the first {k} characters of {x}", "keep the first {k} characters",
                  "{x}的前{k}个字符", "保留前{k}个字符", "{v}[:{k}]", lambda v, k: v[:k], SIZES),
        Operation("rest", "S>S", "all but the first {k} characters of {x}", "drop the first {k} characters",
                  "{x}去掉前{k}个字符的结果", "去掉前{k}个字符", "{v}[{k}:]", lambda v, k: v[k:], SIZES),
        Operation("consonants", "S>S", "the string without vowels of {x}", "remove the vowels", "{x}去掉元音的结果",
                  "去掉元音", '"".join(c for c in {v} if c not in "aeiou")',
                  lambda v: "".join(c for c in v if c not in VOWELS)),
        Operation("starred", "S>S", "the string with every {k} starred of {x}", "replace every {k} by a star",
                  "{x}中把{k}换成星号的结果", "把{k}换成星号", '{v}.replace("{k}", "*")',
                  lambda v, k: v.replace(k, "*"), LETTERS),
        Operation("removed", "S>S", "the string without any {k} of {x}", "remove every {k}", "{x}去掉{k}的结果",
                  "去掉{k}", '{v}.replace("{k}", "")', lambda v, k: v.replace(k, ""), LETTERS),
        Operation("copies", "S>S", "{k} copies of {x}", "repeat it {k} times", "{x}重复{k}次的结果", "重复{k}次",
                  "{v} * {k}", lambda v, k: v * k, SIZES),
        Operation("unspaced", "S>S", "the string without spaces of {x}", "remove the spaces", "{x}去掉空格的结果",
                  "去掉空格", '{v}.replace(" ", "")', lambda v: v.replace(" ", "")),
        Operation("length", "S>I", "the length of {x}", "take the length", "{x}的长度", "求长度", "len({v})", len),
        Operation("letters", "S>I", "how many {k} there are in {x}", "count how many {k} there are",
                  "{x}中{k}的数目", "数{k}的数目", '{v}.count("{k}")', lambda v, k: v.count(k), LETTERS),
        Operation("vowels", "S>I", "the number of vowels in {x}", "count the vowels", "{x}中元音的个数",
                  "数元音的个数",
                  'sum(c in "aeiou" for c in {v})', lambda v: sum(c in VOWELS for c in v)),
        Operation("split", "S>W", "the words of {x}", "split it into words", "{x}的单词", "拆成单词", "{v}.split()",
                  str.split),
        Operation("palindrome", "S>B", "whether {x} is a palindrome", "tell whether it is a palindrome",
                  "{x}是否为回文", "判断是否为回文", "{v} == {v}[::-1]", lambda v: v == v[::-1]),
    )  # fmt: skip


def _of_words() -> tuple[Operation, ...]:
    """What takes a list of words."""
    return (
        Operation("alphabetical", "W>W", "the alphabetical list of {x}", "sort alphabetically", "{x}按字母排序的结果",
                  "按字母排序", "sorted({v})", sorted),
        Operation("by_length", "W>W", "the list by length of {x}", "sort by length", "{x}按长度排序的结果",
                  "按长度排序",
                  "sorted({v}, key=len)", lambda v: sorted(v, key=len)),
        Operation("turned", "W>W", "the reversed list of {x}", "reverse the list of words", "{x}的逆序列表",
                  "把单词列表倒过来", "{v}[::-1]", lambda v: v[::-1]),
        Operation("longer", "W>W", "the words longer than {k} in {x}", "keep the words longer than {k}",
                  "{x}中长度大于{k}的单词", "保留长度大于{k}的单词", "[w for w in {v} if len(w) > {k}]",
                  lambda v, k: [w for w in v if len(w) > k], SIZES),
        Operation("beginning", "W>W", "the words starting with {k} in {x}", "keep the words starting with {k}",
                  "{x}中以{k}开头的单词", "保留以{k}开头的单词", '[w for w in {v} if w.startswith("{k}")]',
                  lambda v, k: [w for w in v if w.startswith(k)], LETTERS),
        Operation("containing", "W>W", "the words containing {k} in {x}", "keep the words containing {k}",
                  "{x}中含有{k}的单词", "保留含有{k}的单词", '[w for w in {v} if "{k}" in w]',
                  lambda v, k: [w for w in v if k in w], LETTERS),
        Operation("capitals", "W>W", "the capitalized words of {x}", "capitalize each word", "{x}首字母大写的结果",
                  "把每个单词首字母大写", "[w.capitalize() for w in {v}]", lambda v: [w.capitalize() for w in v]),
        Operation("different", "W>W", "the different words of {x}", "drop repeated words", "{x}中不同的单词",
                  "去掉重复的单词", "list(dict.fromkeys({v}))", lambda v: list(dict.fromkeys(v))),
        Operation("joined", "W>S", "the spaced string of {x}", "join with spaces", "{x}用空格连接的字符串",
                  "用空格连接", '" ".join({v})', lambda v: " ".join(v)),
        Operation("hyphened", "W>S", "the hyphenated string of {x}", "join with hyphens", "{x}用连字符连接的字符串",
                  "用连字符连接", '"-".join({v})', lambda v: "-".join(v)),
        Operation("longest", "W>S", "the longest word in {x}", "take the longest word", "{x}中最长的单词",
                  "取最长的单词", 'max({v}, key=len, default="")', lambda v: max(v, key=len, default="")),
        Operation("initials", "W>S", "the initials of {x}", "take the initials", "{x}的首字母", "取首字母",
                  '"".join(w[:1] for w in {v})', lambda v: "".join(w[:1] for w in v)),
        Operation("how_many", "W>I", "the word count of {x}", "count the words", "{x}的单词数", "数单词数", "len({v})",
                  len),
        Operation("lengths", "W>L", "the lengths of {x}", "take the length of each word", "{x}的各个长度",
                  "求每个单词的长度", "[len(w) for w in {v}]", lambda v: [len(w) for w in v]),
        Operation("measured", "W>D", "the dictionary of lengths of {x}", "map each word to its length",
                  "{x}到长度的字典", "把每个单词对应到长度", "{{w: len(w) for w in {v}}}",
                  lambda v: {w: len(w) for w in v}),
        Operation("tallied", "W>D", "the dictionary of counts of {x}", "map each word to its count",
                  "{x}到次数的字典", "把每个单词对应到次数", "{{w: {v}.count(w) for w in {v}}}",
                  lambda v: {w: v.count(w) for w in v}),
    )  # fmt: skip


def _of_dictionaries() -> tuple[Operation, ...]:
    """What takes a dictionary."""
    return (
        Operation("keys", "D>W", "the sorted keys of {x}", "list the keys in order", "{x}排序后的键", "按顺序列出键",
                  "sorted({v})", sorted),
        Operation("values", "D>L", "the values of {x}", "list the values", "{x}的值", "列出值", "list({v}.values())",
                  lambda v: list(v.values())),
        Operation("kept", "D>D", "the entries greater than {k} of {x}", "keep the entries greater than {k}",
                  "{x}中值大于{k}的项", "保留值大于{k}的项", "{{key: x for key, x in {v}.items() if x > {k}}}",
                  lambda v, k: {key: x for key, x in v.items() if x > k}, BOUNDS),
        Operation("raised", "D>D", "the dictionary raised by {k} of {x}", "add {k} to each value",
                  "{x}各个值加{k}的字典", "把每个值加{k}", "{{key: x + {k} for key, x in {v}.items()}}",
                  lambda v, k: {key: x + k for key, x in v.items()}, ADDED),
        Operation("total", "D>I", "the total of {x}", "add up the values", "{x}的值的总和", "把值加起来",
                  "sum({v}.values())", lambda v: sum(v.values())),
        Operation("best", "D>S", "the key of the largest value of {x}", "take the key of the largest value",
                  "{x}中值最大的键", "取值最大的键", 'max({v}, key={v}.get, default="")',
                  lambda v: max(v, key=v.__getitem__, default="")),
        Operation("entries", "D>I", "the number of entries of {x}", "count the entries", "{x}的项数", "数项数",
                  "len({v})", len),
    )  # fmt: skip


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for make in (_chosen, _changed, _from_lists, _of_numbers, _of_strings, _of_words, _of_dictionaries)
    for operation in make()
}
