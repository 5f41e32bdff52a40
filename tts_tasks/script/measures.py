"""The units of measure: symbol, both numbers, gender. How they are said is in ``units``."""

from __future__ import annotations

from dataclasses import dataclass

from tts_tasks.script.tables import pairs, words


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
    dam = decâmetro decâmetros
    hm = hectômetro hectômetros
    km = quilômetro quilômetros
    Km = quilômetro quilômetros
    KM = quilômetro quilômetros
    kms = quilômetro quilômetros
    mts = metro metros
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
    ft = pé pés
    pol = polegada polegadas f
    ml = mililitro mililitros
    mL = mililitro mililitros
    l = litro litros
    L = litro litros
    dl = decilitro decilitros
    dL = decilitro decilitros
    cl = centilitro centilitros
    cL = centilitro centilitros
    µl = microlitro microlitros
    µL = microlitro microlitros
    # mass
    ng = nanograma nanogramas
    µg = micrograma microgramas
    mcg = micrograma microgramas
    mg = miligrama miligramas
    g = grama gramas
    kg = quilo quilos
    Kg = quilo quilos
    KG = quilo quilos
    gr = grama gramas
    t = tonelada toneladas f
    ton = tonelada toneladas f
    lb = libra libras f
    oz = onça onças f
    UI = unidade_internacional unidades_internacionais f
    mol = mol mols
    mmol = milimol milimols
    mEq = miliequivalente miliequivalentes
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
    kbit = quilobit quilobits
    Mbit = megabit megabits
    Gbit = gigabit gigabits
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
    Mhz = mega-hertz mega-hertz
    Ghz = giga-hertz giga-hertz
    THz = tera-hertz tera-hertz
    fps = quadro_por_segundo quadros_por_segundo
    rpm = rotação_por_minuto rotações_por_minuto f
    bpm = batimento_por_minuto batimentos_por_minuto
    irpm = incursão_respiratória_por_minuto incursões_respiratórias_por_minuto f
    DPI = ponto_por_polegada pontos_por_polegada
    dpi = ponto_por_polegada pontos_por_polegada
    ppm = parte_por_milhão partes_por_milhão f
    px = pixel pixels
    MP = megapixel megapixels
    pt = ponto pontos
    hab = habitante habitantes
    hab. = habitante habitantes
    # temperature and angle
    °C = grau_Celsius graus_Celsius
    ºC = grau_Celsius graus_Celsius
    °F = grau_Fahrenheit graus_Fahrenheit
    ºF = grau_Fahrenheit graus_Fahrenheit
    ° C = grau_Celsius graus_Celsius
    º C = grau_Celsius graus_Celsius
    ° F = grau_Fahrenheit graus_Fahrenheit
    º F = grau_Fahrenheit graus_Fahrenheit
    K = kelvin kelvins
    ° = grau graus
    # electricity, energy, sound
    A = ampere amperes
    µA = microampere microamperes
    mA = miliampere miliamperes
    mAh = miliampere-hora miliamperes-hora
    V = volt volts
    mV = milivolt milivolts
    kV = quilovolt quilovolts
    W = watt watts
    kW = quilowatt quilowatts
    MW = megawatt megawatts
    GW = gigawatt gigawatts
    Wh = watt-hora watts-hora
    kWh = quilowatt-hora quilowatts-hora
    MWh = megawatt-hora megawatts-hora
    cal = caloria calorias f
    kcal = quilocaloria quilocalorias f
    dB = decibel decibéis
    dBm = dê_bê_eme dê_bê_eme
    Ω = ohm ohms
    kΩ = quilo-ohm quilo-ohms
    MΩ = megaohm megaohms
    µF = microfarad microfarads
    nF = nanofarad nanofarads
    mW = miliwatt miliwatts
    kVA = quilovolt-ampere quilovolts-amperes
    J = joule joules
    kJ = quilojoule quilojoules
    MJ = megajoule megajoules
    N = newton newtons
    kN = quilonewton quilonewtons
    Pa = pascal pascais
    hPa = hectopascal hectopascais
    kPa = quilopascal quilopascais
    MPa = megapascal megapascais
    atm = atmosfera atmosferas f
    bar = bar bars
    mmHg = milímetro_de_mercúrio milímetros_de_mercúrio
    cv = cavalo cavalos
    hp = cavalo cavalos
    lm = lúmen lúmens
    lx = lux lux
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

PER = pairs(
    """
    mes = mês
    a = ano
    d = dia
    """
)
"""What follows "por" and is no unit."""

HALVES = words("h hs hrs")
"""Units whose half is said so: duas horas e meia."""

SPACED = words("A K J")
"""Units that stand apart from their number; 4K and 20A are codes."""

PRESSURES = words("mmHg")
"""Units whose two numbers are said with "por": 120/80 mmHg."""

BARE = words(
    """
    km kg cm mm km² cm² m² m³ ml mL mg kW kWh MWh KB MB GB TB Mbps Gbps Hz kHz MHz GHz dB °C °F
    mmHg kcal rpm fps bpm
    """
)
"""Units that are said without a number too: em GB, por kg."""

RATES = words(
    """
    km/h m/s m/s² m/min cm/s kg/m³ kg/m² g/cm³ g/m² g/L g/l mg/L mg/l mg/dL mg/kg kg/ha L/min mL/h
    ml/h L/h km/L km/l m³/h m³/s MB/s GB/s kB/s KB/s kWh/mês W/m² hab/km² kcal/g N/m² t/ha
    """
)
"""Rates as they stand without a number: o carro anda em km/h."""
