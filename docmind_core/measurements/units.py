"""Units that a number may have: one name for each, whatever it is called in a text."""

_TABLE = """
km kilometre kilometres kilometer kilometers
m metre metres meter meters
cm centimetre centimetres centimeter centimeters
mm millimetre millimetres millimeter millimeters
mile miles mi
foot feet ft
inch inches
yard yards yd
kg kilogram kilograms kilogramme kilogrammes kilo kilos
g gram grams gramme grammes
mg milligram milligrams
tonne tonnes ton tons t
pound pounds lb lbs
ounce ounces oz
l litre litres liter liters L
ml millilitre millilitres milliliter milliliters mL
gallon gallons
barrel barrels
s sec secs second seconds
ms millisecond milliseconds msec
min mins minute minutes
h hr hrs hour hours
day days
week weeks
month months
year years yr yrs
decade decades
century centuries
byte bytes B
kB KB kilobyte kilobytes
MB megabyte megabytes
GB gigabyte gigabytes
TB terabyte terabytes
KiB kibibyte kibibytes
MiB mebibyte mebibytes
GiB gibibyte gibibytes
bit bits
Mbit/s Mbps
Gbit/s Gbps
Hz hertz
kHz kilohertz
MHz megahertz
GHz gigahertz
W watt watts
kW kilowatt kilowatts
MW megawatt megawatts
GW gigawatt gigawatts
kWh
MWh
V volt volts
A amp amps ampere amperes
J joule joules
kJ
Pa pascal pascals
bar bars
psi
°C degrees-celsius degree-celsius celsius
°F degrees-fahrenheit degree-fahrenheit fahrenheit
K kelvin kelvins
km/h kph kmh kilometres-per-hour kilometers-per-hour km-per-hour
mph miles-per-hour
m/s metres-per-second meters-per-second
m2 m² square-metres square-meters square-metre square-meter sqm
km2 km² square-kilometres square-kilometers square-kilometre square-kilometer
mile2 square-miles square-mile
ft2 square-feet
ha hectare hectares
acre acres
m3 m³ cubic-metres cubic-meters cubic-metre cubic-meter
$ dollar dollars USD us-dollars us-dollar US$ bucks
€ euro euros EUR
£ pounds-sterling GBP quid
¥ yen JPY yuan CNY RMB
₹ rupee rupees INR
CHF francs swiss-francs
cent cents
people person persons individuals employees employee workers worker staff inhabitants residents citizens users members
token tokens
word words
"""
_NAMES = {name: line.split()[0] for line in _TABLE.strip().splitlines() for name in line.split()}
_LOWER = {name.lower(): unit for name, unit in _NAMES.items() if len(name) > 2}
CURRENCIES = frozenset("$€£¥₹") | {"CHF"}


def unit_named(words: str) -> str | None:
    """Return the one name of a unit written as `words`, several of them joined by hyphens; None for no unit."""
    return _NAMES.get(words) or _LOWER.get(words.lower())


def same_unit(one: str, other: str) -> bool:
    """Return whether two units may be the same; a pound is money and a weight."""
    return one == other or {one, other} == {"pound", "£"}
