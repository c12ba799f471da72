"""Names of streets and districts, plausible and made up: Chinese characters with their pinyin."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from typing import NamedTuple

import numpy as np

from city.generate.drawing import NOTHING
from city.generate.land import Places
from city.generate.layout import Layout
from city.network import RoadClass


@dataclass(frozen=True, slots=True)
class Word:
    """A word in characters and in pinyin without tones."""

    zh: str
    pinyin: str

    def __add__(self, other: "Word") -> "Word":
        """Join two syllables into one word: Chang and an make Chang'an."""
        apart = "'" if other.pinyin[0] in "aoe" else ""
        return Word(self.zh + other.zh, self.pinyin + apart + other.pinyin)

    def then(self, other: "Word") -> "Word":
        """Put another word after this one."""
        return Word(self.zh + other.zh, f"{self.pinyin} {other.pinyin}")

    def __str__(self) -> str:
        """Write it the way signs do, characters first."""
        return f"{self.zh} {self.pinyin}"


def _words(text: str) -> tuple[Word, ...]:
    return tuple(Word(zh, pinyin) for zh, pinyin in re.findall(r"([^\x00-\x7f]+)([\w']+)", text, re.ASCII))


_FIRST = _words(
    "安An 宝Bao 碧Bi 昌Chang 长Chang 成Cheng 澄Cheng 春Chun 翠Cui 大Da 丹Dan 德De 定Ding 丰Feng 凤Feng 福Fu 富Fu"
    " 高Gao 古Gu 光Guang 广Guang 桂Gui 海Hai 汉Han 和He 恒Heng 红Hong 虹Hong 华Hua 怀Huai 惠Hui 吉Ji 嘉Jia 建Jian"
    " 江Jiang 金Jin 锦Jin 景Jing 静Jing 聚Ju 康Kang 兰Lan 乐Le 丽Li 莲Lian 林Lin 灵Ling 龙Long 隆Long 茂Mao 梅Mei"
    " 民Min 明Ming 宁Ning 平Ping 浦Pu 启Qi 清Qing 庆Qing 泉Quan 仁Ren 荣Rong 瑞Rui 尚Shang 盛Sheng 石Shi 双Shuang"
    " 松Song 泰Tai 天Tian 通Tong 万Wan 文Wen 先Xian 祥Xiang 新Xin 兴Xing 秀Xiu 延Yan 阳Yang 宜Yi 银Yin 永Yong"
    " 玉Yu 元Yuan 云Yun 振Zhen 正Zheng 志Zhi 紫Zi"
)
_SECOND = _words(
    "安an 柏bai 宝bao 昌chang 城cheng 川chuan 春chun 道dao 德de 渡du 恩en 芳fang 丰feng 峰feng 福fu 岗gang 港gang"
    " 谷gu 光guang 桂gui 海hai 和he 河he 湖hu 华hua 化hua 基ji 江jiang 津jin 景jing 康kang 乐le 里li 林lin 岭ling"
    " 陵ling 龙long 隆long 茂mao 门men 明ming 宁ning 坪ping 平ping 浦pu 桥qiao 清qing 庆qing 泉quan 荣rong 山shan"
    " 善shan 胜sheng 石shi 水shui 泰tai 塘tang 田tian 亭ting 通tong 湾wan 旺wang 文wen 武wu 溪xi 霞xia 仙xian"
    " 祥xiang 新xin 兴xing 秀xiu 阳yang 义yi 益yi 英ying 元yuan 源yuan 苑yuan 远yuan 月yue 云yun 寨zhai 政zheng"
    " 洲zhou 庄zhuang"
)
# What the longest streets are called in every city.
_GREAT = _words(
    "人民Renmin 解放Jiefang 中山Zhongshan 建设Jianshe 和平Heping 新华Xinhua 文化Wenhua 胜利Shengli 光明Guangming"
    " 长江Changjiang 黄河Huanghe 延安Yan'an 北京Beijing 南京Nanjing 天津Tianjin 成都Chengdu 四川Sichuan"
    " 福州Fuzhou 广州Guangzhou 武汉Wuhan 昆明Kunming 贵阳Guiyang 太原Taiyuan 泰山Taishan 衡山Hengshan 庐山Lushan"
    " 迎宾Yingbin 学府Xuefu 体育Tiyu 青年Qingnian 朝阳Chaoyang 工农Gongnong 友谊Youyi 团结Tuanjie 幸福Xingfu"
)
_DISTRICTS = _words(
    "东屏Dongping 西岚Xilan 北渚Beizhu 南岫Nanxiu 临湾Linwan 澜桥Lanqiao 清沅Qingyuan 白鹭Bailu 云汀Yunting"
    " 松崖Songya 石门Shimen 金塘Jintang 长屿Changyu 翠屏Cuiping 望江Wangjiang 海澄Haicheng 丰汇Fenghui 虹溪Hongxi"
    " 永泽Yongze 明湖Minghu"
)
_NUMERALS = _words("一Yi 二Er 三San 四Si 五Wu 六Liu 七Qi 八Ba 九Jiu")
_EAST, _NORTH, _WEST, _SOUTH, _MIDDLE = _words("东Dong 北Bei 西Xi 南Nan 中Zhong")
_ROAD, _AVENUE, _STREET, _LANE, _BRIDGE = _words("路Lu 大道Dadao 街Jie 弄Long 大桥Daqiao")
_RINGS = {
    1: _words("环城Huancheng"),
    2: _words("内环Neihuan 外环Waihuan"),
    3: _words("内环Neihuan 中环Zhonghuan 外环Waihuan"),
}
# How many main roads are avenues, and how many small streets are called streets; the others are roads.
_AVENUES, _STREETS = 0.35, 0.6
# House numbers between one lane of a street and the next.
_LANE_HOUSES = 12
_RIVERSIDE = Word("滨江", "Binjiang")


class DistrictName(NamedTuple):
    """What a district is called, and its id."""

    id: str
    name: str
    name_zh: str


def name_districts(count: int, rng: np.random.Generator) -> list[DistrictName]:
    """Name districts, no two alike."""
    words = list(_DISTRICTS)
    made_up = _made_up(rng)
    while len(words) < count:
        word = next(made_up)
        if word.pinyin not in {other.pinyin for other in words}:
            words.append(word)
    return [DistrictName(word.pinyin.lower().replace("'", ""), word.pinyin, f"{word.zh}区") for word in words[:count]]


def name_streets(layout: Layout, rng: np.random.Generator) -> list[str]:
    """Name every street of a layout; service ways stay without."""
    middle = _middles(layout)
    words: list[Word | None] = [None] * len(layout.streets)
    made_up = _made_up(rng)
    _name_rings(layout, middle, words)
    _name_riverside(layout, middle, words)
    _name_lines(layout, middle, words, made_up, rng)
    _name_others(layout, words, made_up, rng)
    return [str(word) if word else "" for word in words]


def _made_up(rng: np.random.Generator) -> Iterator[Word]:
    """Yield words of two syllables without end; when all were used, they come back as First, Second, ..."""
    order = rng.permutation(len(_FIRST) * len(_SECOND)).tolist()
    words = [_FIRST[index // len(_SECOND)] + _SECOND[index % len(_SECOND)] for index in order]
    words = [word for word in words if word.zh[0] != word.zh[1]]
    yield from words
    number = 0
    while True:
        numeral = _NUMERALS[number] if number < len(_NUMERALS) else Word(str(number + 1), str(number + 1))
        yield from (word.then(numeral) for word in words)
        number += 1


def _middles(layout: Layout) -> Places:
    """Return where each street is, on average; 0 for streets of which nothing was built."""
    ends = layout.place[layout.ends].mean(axis=1)
    count = np.maximum(1, np.bincount(layout.street, minlength=len(layout.streets)))
    east, north = (np.bincount(layout.street, part, len(layout.streets)) for part in (ends.real, ends.imag))
    return np.asarray((east + 1j * north) / count)


def _compass(towards: complex) -> Word:
    quarter = round(np.angle(towards) / (np.pi / 2)) % 4
    return (_EAST, _NORTH, _WEST, _SOUTH)[quarter]


def _sides(middles: Places) -> list[Word | None]:
    """Tell up to three parts of a street apart: none; east and west; east, middle and west."""
    if len(middles) == 1:
        return [None]
    ends = [_compass(complex(middles[0] - middles[-1])), _compass(complex(middles[-1] - middles[0]))]
    return [ends[0], *[_MIDDLE] * (len(middles) - 2), ends[1]]


def _name_rings(layout: Layout, middle: Places, words: list[Word | None]) -> None:
    """Name ring roads by their order from the middle, and each side by where it lies."""
    sides: dict[int, list[int]] = {}
    for number, street in enumerate(layout.streets):
        if street.line and street.road_class is RoadClass.TRUNK:
            sides.setdefault(street.ring, []).append(number)
    for (_ring, numbers), name in zip(sorted(sides.items()), _RINGS[len(sides)], strict=True):
        for number in numbers:
            words[number] = name.then(_compass(complex(middle[number]))).then(_ROAD)


def _name_riverside(layout: Layout, middle: Places, words: list[Word | None]) -> None:
    banks = [number for number, street in enumerate(layout.streets) if street.riverside]
    for number, towards in zip(banks, _sides(middle[banks]), strict=True):
        words[number] = (_RIVERSIDE.then(towards) if towards else _RIVERSIDE).then(_ROAD)


def _name_lines(
    layout: Layout, middle: Places, words: list[Word | None], made_up: Iterator[Word], rng: np.random.Generator
) -> None:
    """Name main roads, up to three parts of a line after one another and all after the same word; and their bridges."""
    great = chain((_GREAT[index] for index in rng.permutation(len(_GREAT)).tolist()), made_up)

    def line_of(number: int) -> tuple[RoadClass, int]:
        return layout.streets[number].road_class, layout.streets[number].line

    streets = [n for n, street in enumerate(layout.streets) if street.line and not street.ring and not street.bridge]
    word_of: dict[int, Word] = {}
    for (rank, _line), line in groupby(sorted(streets, key=line_of), key=line_of):
        whole = list(line)
        for first in range(0, len(whole), 3):
            parts = whole[first : first + 3]
            word = next(great) if rank is RoadClass.PRIMARY else next(made_up)
            kind = _AVENUE if rank is RoadClass.PRIMARY and rng.random() < _AVENUES else _ROAD
            for number, towards in zip(parts, _sides(middle[parts]), strict=True):
                words[number] = (word.then(towards) if towards else word).then(kind)
                word_of[number] = word
    for number, street in enumerate(layout.streets):
        if street.bridge and not street.ring:
            words[number] = word_of[street.parent].then(_BRIDGE)


def _name_others(layout: Layout, words: list[Word | None], made_up: Iterator[Word], rng: np.random.Generator) -> None:
    """Name streets after made-up words, and lanes after the street that they lead off, by house number."""
    lanes = [0] * len(words)
    for number, street in enumerate(layout.streets):
        if number == NOTHING or words[number] or street.road_class is RoadClass.SERVICE:
            continue
        if street.road_class is RoadClass.LIVING_STREET:
            road = street.parent
            while road != NOTHING and layout.streets[road].road_class >= RoadClass.LIVING_STREET:
                road = layout.streets[road].parent
            if named := words[road]:
                lanes[road] += 1
                house = str(_LANE_HOUSES * lanes[road] + number % (_LANE_HOUSES - 1))
                words[number] = named.then(Word(house, house)).then(_LANE)
                continue
        is_street = street.road_class >= RoadClass.RESIDENTIAL and rng.random() < _STREETS
        words[number] = next(made_up).then(_STREET if is_street else _ROAD)
