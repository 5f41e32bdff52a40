"""Units of measure: name, plural and gender, and "por" for a slash."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tts_tasks.script.numbers import (
    NUMBER,
    SCALE,
    SIGNED_START,
    START,
    Number,
    fraction,
    parse_number,
    say_digits_or_cardinal,
    say_number,
    say_scaled,
)
from tts_tasks.script.rules import Rule, kept_point
from tts_tasks.script.tables import alternatives, pairs, words


@dataclass(frozen=True, slots=True)
class Unit:
    """How a unit is said."""

    singular: str
    plural: str
    feminine: bool = False


_TABLE = pairs(
    """
    # length, area, volume
    nm = nanômetro nanômetros
    µm = micrômetro micrômetros
    mm = milímetro milímetros
    cm = centímetro centímetros
    dm = decímetro decímetros
    m = metro metros
    km = quilômetro quilômetros
    mm² = milímetro_quadrado milímetros_quadrados
    cm² = centímetro_quadrado centímetros_quadrados
    m² = metro_quadrado metros_quadrados
    m2 = metro_quadrado metros_quadrados
    km² = quilômetro_quadrado quilômetros_quadrados
    km2 = quilômetro_quadrado quilômetros_quadrados
    cm³ = centímetro_cúbico centímetros_cúbicos
    m³ = metro_cúbico metros_cúbicos
    m3 = metro_cúbico metros_cúbicos
    ha = hectare hectares
    pol = polegada polegadas f
    ml = mililitro mililitros
    mL = mililitro mililitros
    l = litro litros
    L = litro litros
    # mass
    mg = miligrama miligramas
    g = grama gramas
    kg = quilo quilos
    Kg = quilo quilos
    t = tonelada toneladas f
    # time
    ns = nanossegundo nanossegundos
    µs = microssegundo microssegundos
    ms = milissegundo milissegundos
    s = segundo segundos
    seg = segundo segundos
    seg. = segundo segundos
    min = minuto minutos
    min. = minuto minutos
    h = hora horas f
    hs = hora horas f
    hrs = hora horas f
    # data and rates
    bit = bit bits
    bits = bit bits
    kB = quilobyte quilobytes
    KB = quilobyte quilobytes
    MB = megabyte megabytes
    GB = gigabyte gigabytes
    TB = terabyte terabytes
    PB = petabyte petabytes
    KiB = kibibyte kibibytes
    MiB = mebibyte mebibytes
    GiB = gibibyte gibibytes
    TiB = tebibyte tebibytes
    kb = quilobit quilobits
    Kb = quilobit quilobits
    Mb = megabit megabits
    Gb = gigabit gigabits
    bps = bit_por_segundo bits_por_segundo
    kbps = quilobit_por_segundo quilobits_por_segundo
    Kbps = quilobit_por_segundo quilobits_por_segundo
    Mbps = megabit_por_segundo megabits_por_segundo
    Gbps = gigabit_por_segundo gigabits_por_segundo
    MBps = megabyte_por_segundo megabytes_por_segundo
    Hz = hertz hertz
    kHz = quilo-hertz quilo-hertz
    KHz = quilo-hertz quilo-hertz
    MHz = mega-hertz mega-hertz
    GHz = giga-hertz giga-hertz
    fps = quadro_por_segundo quadros_por_segundo
    rpm = rotação_por_minuto rotações_por_minuto f
    bpm = batimento_por_minuto batimentos_por_minuto
    dpi = ponto_por_polegada pontos_por_polegada
    ppm = parte_por_milhão partes_por_milhão f
    px = pixel pixels
    MP = megapixel megapixels
    # temperature and angle
    °C = grau_Celsius graus_Celsius
    ºC = grau_Celsius graus_Celsius
    °F = grau_Fahrenheit graus_Fahrenheit
    ºF = grau_Fahrenheit graus_Fahrenheit
    ° = grau graus
    # electricity, energy, sound
    mA = miliampere miliamperes
    mAh = miliampere-hora miliamperes-hora
    V = volt volts
    mV = milivolt milivolts
    kV = quilovolt quilovolts
    W = watt watts
    kW = quilowatt quilowatts
    MW = megawatt megawatts
    GW = gigawatt gigawatts
    kWh = quilowatt-hora quilowatts-hora
    MWh = megawatt-hora megawatts-hora
    cal = caloria calorias f
    kcal = quilocaloria quilocalorias f
    dB = decibel decibéis
    N = newton newtons
    Pa = pascal pascais
    # shares
    % = por_cento por_cento
    ‰ = por_mil por_mil
    pp = ponto_percentual pontos_percentuais
    p.p. = ponto_percentual pontos_percentuais
    """
)


def _unit(described: str) -> Unit:
    singular, plural, *gender = described.split()
    return Unit(singular.replace("_", " "), plural.replace("_", " "), gender == ["f"])


UNITS = {symbol: _unit(described) for symbol, described in _TABLE.items()}

_PER = {"mes": "mês", "mês": "mês", "hora": "hora", "a": "ano"}
_HALVES = {"h", "hs", "hrs"}
"""Units whose half is said so: duas horas e meia."""

RATES = words(
    """
    km/h m/s m/s² m/min cm/s kg/m³ kg/m² g/cm³ g/m² g/L g/l mg/L mg/l mg/dL mg/kg kg/ha L/min mL/h
    ml/h L/h km/L km/l m³/h m³/s MB/s GB/s kB/s KB/s kWh/mês W/m² hab/km² kcal/g N/m² t/ha
    """
)
"""Rates as they stand without a number: o carro anda em km/h."""

_SYMBOL = alternatives(UNITS)
_MEASURE = re.compile(
    rf"{SIGNED_START}(?P<minus>(?<![\w)])-)?(?P<number>{NUMBER})(?:\s(?P<scale>{SCALE}))?\s?"
    rf"(?P<unit>{_SYMBOL})(?:/(?P<per>{_SYMBOL}|[^\W\d_]+))?(?![\w²³])(?!/\w)"
)
_FRACTION = re.compile(rf"(?<![\w.,/-])([0-9]{{1,3}})/([0-9]{{1,4}})\s?({_SYMBOL})(?![\w²³]|/\w)")
_KILOMETRE = re.compile(r"(?<![\w/])(?<![0-9]\s)km\s(?=[0-9])")
_RATE = re.compile(rf"(?<![\w/.-])({alternatives(RATES)})(?![\w²³/])")
_PER_WORD = re.compile(
    rf"{START}({NUMBER}\s[^\W\d_]{{2,20}})/"
    r"(?=(?:semana|mês|hora|dia|ano|pessoa|alun[oa]|minuto|segundo|usuário|turma)(?!\w))"
)


def per_unit(symbol: str) -> str:
    """Return what follows "por": the unit's singular name, or the word as it is."""
    if symbol in UNITS:
        return UNITS[symbol].singular
    if symbol[:-1] in UNITS and symbol.endswith("²"):
        return f"{UNITS[symbol[:-1]].singular} ao quadrado"
    return _PER.get(symbol.lower(), symbol)


def _say(match: re.Match[str]) -> str | None:
    unit = UNITS[match["unit"]]
    number = parse_number(match["number"])
    said = _say_measure(number, unit, match["unit"], match["scale"])
    if match["per"]:
        said = f"{said} por {per_unit(match['per'])}"
    if match["minus"]:
        said = f"menos {said}"
    return said if match["per"] else said + kept_point(match)


def _say_measure(number: Number, unit: Unit, symbol: str, scale: str | None) -> str:
    if scale is not None:
        said, with_de = say_scaled(number, scale, feminine=unit.feminine)
        return f"{said} {'de ' if with_de and not symbol.startswith('%') else ''}{unit.plural}"
    name = unit.singular if number.is_singular else unit.plural
    if symbol in _HALVES and number.decimals.rstrip("0") == "5" and number.whole.strip("0"):
        whole = say_digits_or_cardinal(number.whole, feminine=True)
        return f"{whole} {name} e meia"
    return f"{say_number(number, feminine=unit.feminine)} {name}"


def _rate(match: re.Match[str]) -> str:
    """Say a rate without a number, or after one whose unit the measures do not have."""
    above, below = match[1].split("/")
    name = UNITS[above].plural if above in UNITS else "habitantes"
    return f"{name} por {per_unit(below)}"


def _fraction(match: re.Match[str]) -> str | None:
    unit = UNITS[match[3]]
    numerator, denominator = int(match[1]), int(match[2])
    if not numerator > 0 or denominator < 2 or match[3].startswith(("%", "p.p")):
        return None
    part = fraction(numerator, denominator, feminine=unit.feminine)
    joint = " " if part in ("meio", "meia") else " de "
    return f"{part}{joint}{unit.singular}"


def _per(match: re.Match[str]) -> str:
    return f"{match[1]} por "


RULES = (
    Rule("fraction of a unit", _FRACTION, _fraction),
    Rule("unit", _MEASURE, _say),
    Rule("kilometre of a road", _KILOMETRE, lambda _: "quilômetro "),
    Rule("bare rate", _RATE, _rate, needs="/"),
    Rule("rate", _PER_WORD, _per),
)
