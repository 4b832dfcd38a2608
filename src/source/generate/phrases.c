/* phrases.c: words of aircraft maintenance, written for heddle. */
#include "source/generate/phrases.h"

#define PHRASES(list)                                                                                        \
    {                                                                                                        \
        list, sizeof list / sizeof list[0]                                                                   \
    }

static const char *const hydraulic_parts[] = {
    "HYDRAULIC PUMP",
    "ENGINE DRIVEN HYD PUMP",
    "AC MOTOR PUMP",
    "HYD PRESSURE MODULE",
    "RUDDER ACTUATOR",
    "SPOILER ACTUATOR",
    "AILERON PCU",
    "ELEVATOR POWER CONTROL UNIT",
    "NOSE GEAR STEERING VALVE",
    "HYD ACCUMULATOR",
    "CASE DRAIN FILTER MODULE",
    "THRUST REVERSER ACTUATOR",
    "HYDRAULIC RESERVOIR",
    "PRIORITY VALVE",
    "FLAP DRIVE MOTOR",
    "RAM AIR TURBINE PUMP",
};
static const char *const hydraulic_faults[] = {
    "FAILED, NO OUTPUT PRESSURE",
    "LEAKING AT B-NUT BEYOND LIMITS",
    "LOW PRESSURE LIGHT ON",
    "INTERNAL LEAKAGE EXCEEDS AMM LIMITS",
    "SHAFT SEAL LEAKING",
    "WILL NOT HOLD PRESSURE",
    "PRESSURE FLUCTUATES",
    "RUNS HOT AND NOISY",
    "CASE DRAIN FLOW OUT OF LIMITS",
    "LEAKING FROM OVERBOARD DRAIN",
    "SHEARED INPUT SHAFT",
    "STICKS IN MID TRAVEL",
    "FITTING CRACKED, FLUID LOSS",
    "SEEPAGE AT END CAP",
};
static const char *const hydraulic_evidence[] = {
    "SKYDROL FOUND ON LOWER COWL",         "PRESSURE DROPPED TO ##00 PSI",
    "METAL PARTICLES IN PRESSURE FILTER",  "# DROPS PER MINUTE WITH SYSTEM PRESSURIZED",
    "QTY DOWN TO ## PERCENT AFTER # LEGS", "HYD SYS % QTY LOW MSG ON EICAS",
    "FILTER DELTA P BUTTON POPPED",        "FLUID TEMP ABOVE 1## DEG C",
    "FAULT CODE 29-1#-0# ON CMC",
};

static const char *const fuel_parts[] = {
    "FUEL BOOST PUMP",      "FUEL CONTROL UNIT",   "HP FUEL PUMP",           "FUEL FLOW TRANSMITTER",
    "FUEL QTY PROBE",       "CROSSFEED VALVE",     "FUEL METERING UNIT",     "FUEL NOZZLE",
    "REFUEL SHUTOFF VALVE", "FUEL HEAT EXCHANGER", "SURGE TANK FLOAT VALVE", "APU FUEL CONTROL",
};
static const char *const fuel_faults[] = {
    "LEAKING FUEL AT SHROUD DRAIN",
    "LOW PRESSURE AT ALL POWER SETTINGS",
    "CIRCUIT BREAKER POPS",
    "INDICATION ERRATIC",
    "STUCK IN TRANSIT",
    "FUEL FLOW READS ZERO",
    "WEEPING AT MATING FLANGE",
    "DISAGREES WITH TOTALIZER",
    "HUNG START, N2 STAGNATED",
    "CONTAMINATED WITH WATER",
    "FAILS TO CLOSE ON COMMAND",
    "ACCELERATION SLOW",
};
static const char *const fuel_evidence[] = {
    "FUEL STAINS ON PYLON",
    "##00 LBS IMBALANCE IN CRUISE",
    "BITE SHOWS FAULT 28-##-##",
    "START EGT PEAKED AT ### C",
    "PROBE CAPACITANCE OUT OF RANGE",
    "AMBER VALVE LIGHT STAYED BRIGHT",
    "FUEL ODOR REPORTED BY RAMP CREW",
    "FILTER BYPASS MSG SET TWICE",
};

static const char *const electric_parts[] = {
    "INTEGRATED DRIVE GENERATOR", "APU STARTER GENERATOR",    "MAIN BATTERY",
    "TRANSFORMER RECTIFIER UNIT", "GENERATOR CONTROL UNIT",   "STATIC INVERTER",
    "BUS POWER CONTROL UNIT",     "EXTERNAL POWER CONTACTOR", "LANDING LIGHT",
    "WING ANTI-COLLISION LIGHT",  "EMER LIGHT BATTERY PACK",  "WINDSHIELD HEAT CONTROLLER",
};
static const char *const electric_faults[] = {
    "TRIPS OFF LINE UNDER LOAD",
    "FAILED SELF TEST",
    "VOLTAGE OUT OF LIMITS",
    "OIL LEVEL LOW, SEAL LEAKING",
    "WILL NOT TAKE CHARGE",
    "BURNT PIN IN CONNECTOR",
    "FREQUENCY UNSTABLE",
    "INOP, NO OUTPUT",
    "DRIVE LIGHT ON AFTER TAKEOFF",
    "OVERHEATS WITHIN ## MINUTES",
    "CAPACITY CHECK BELOW 80 PERCENT",
    "INTERMITTENT IN TURBULENCE",
};
static const char *const electric_evidence[] = {
    "READS ##.# VOLTS AT REST",          "FAULT 24-##-## STORED",
    "GEN OFF BUS MSG # TIMES IN FLIGHT", "SMELL OF BURNT INSULATION IN E/E BAY",
    "CB %## POPPED AND RESET ONCE",      "LOAD SHED OCCURRED AT FL3##",
    "CELL TEMP SENSOR READS HIGH",       "SWAPPED POSITIONS, FAULT FOLLOWED UNIT",
};

static const char *const avionics_parts[] = {
    "VHF COMM TRANSCEIVER",    "WEATHER RADAR R/T",      "FLIGHT MANAGEMENT COMPUTER",
    "AIR DATA MODULE",         "TCAS COMPUTER",          "INERTIAL REFERENCE UNIT",
    "RADIO ALTIMETER",         "ATC TRANSPONDER",        "DISPLAY UNIT",
    "FLIGHT CONTROL COMPUTER", "COCKPIT VOICE RECORDER", "AUDIO CONTROL PANEL",
    "MODE CONTROL PANEL",      "GPS SENSOR UNIT",        "STANDBY ATTITUDE INDICATOR",
    "YAW DAMPER COUPLER",
};
static const char *const avionics_faults[] = {
    "BLANKS INTERMITTENTLY",     "FAILED BITE",
    "NO TRANSMIT, RECEIVE OK",   "DRIFT RATE OUT OF LIMITS",
    "FAIL FLAG IN VIEW",         "LOCKED UP, NO KEY RESPONSE",
    "WEAK AND SCRATCHY",         "POSITION DISAGREES",
    "DROPS OFF DURING CLIMB",    "ALTITUDE READS ### FT HIGH",
    "SCREEN DIM AND FLICKERING", "DATABASE LOAD REJECTED",
    "DISCONNECTS AUTOPILOT",     "NO TARGETS DISPLAYED",
};
static const char *const avionics_evidence[] = {
    "RESET PER QRH, NO HELP",
    "FAULT CODE 34-##-## ON CMC",
    "BITE CODE %### LATCHED",
    "SWAPPED WITH NO 2 SYS, FAULT MOVED",
    "DRIFT # NM PER HOUR",
    "COOLING FAN CHECKED OK",
    "WIRING CHECKED TO PIN %#, NO FAULT",
    "CREW REPORTS # OCCURRENCES IN ## DAYS",
};

static const char *const gear_parts[] = {
    "MAIN WHEEL ASSY",      "NOSE WHEEL TIRE",    "BRAKE ASSY",          "ANTI-SKID TRANSDUCER",
    "MLG SHOCK STRUT",      "GEAR DOOR ACTUATOR", "UPLOCK ACTUATOR",     "PROXIMITY SENSOR",
    "BRAKE METERING VALVE", "TORQUE LINK",        "PARKING BRAKE VALVE", "DOWNLOCK SPRING",
};
static const char *const gear_faults[] = {
    "WORN TO LIMITS",
    "TREAD SEPARATED",
    "WEAR PIN FLUSH",
    "LOW STRUT EXTENSION, NITROGEN LOSS",
    "FLAT SPOTTED AFTER RTO",
    "DRAGGING, HOT AFTER LANDING",
    "SEAL LEAKING FLUID",
    "GEAR DISAGREE LIGHT ON",
    "CUT INTO CORD",
    "PISTON SEIZED",
    "TARGET GAP OUT OF LIMITS",
    "BEARING ROUGH WHEN TURNED",
};
static const char *const gear_evidence[] = {
    "TEMP READ ### C AT GATE",  "PRESSURE FOUND AT 1## PSI", "### LANDINGS SINCE INSTALL",
    "SERVICED TWICE THIS WEEK", "FOD CUT # MM DEEP",         "MSG 32-##-## ACTIVE ON GROUND",
    "CHROME SCORED ON PISTON",  "FLUID POOL UNDER AXLE",
};

static const char *const air_parts[] = {
    "PACK VALVE",
    "AIR CYCLE MACHINE",
    "BLEED AIR REGULATOR",
    "PRECOOLER CONTROL VALVE",
    "OUTFLOW VALVE",
    "CABIN PRESSURE CONTROLLER",
    "RECIRC FAN",
    "WING ANTI-ICE VALVE",
    "STARTER AIR VALVE",
    "TRIM AIR VALVE",
    "WATER SEPARATOR",
    "OXYGEN REGULATOR",
    "EQUIPMENT COOLING FAN",
};
static const char *const air_faults[] = {
    "SEIZED, SMOKE IN CABIN",  "STUCK OPEN",
    "REGULATES HIGH",          "TRIPS OFF ON OVERTEMP",
    "BEARING NOISE",           "FAILS TO OPEN, MANUAL OVERRIDE USED",
    "CABIN CLIMBS AT ### FPM", "VIBRATES ABOVE IDLE",
    "LEAKING AT V-BAND CLAMP", "SLOW TO RESPOND IN AUTO",
    "NO AIRFLOW AT OUTLETS",   "DUCT PRESSURE LOW AT IDLE",
};
static const char *const air_evidence[] = {
    "BLEED PRESS ## PSI, LIMIT 45", "CABIN ALT REACHED 9#00 FT", "OIL MIST IN DUCT",
    "IMPELLER BLADES RUBBED",       "PACK DISCHARGE TEMP 1## C", "MEL 21-##-## APPLIED",
    "CLAMP FOUND CRACKED",          "ODOR NOTED BY CABIN CREW",
};

static const char *const engine_parts[] = {
    "OIL PUMP",
    "FAN BLADE",
    "IGNITION EXCITER",
    "EGT THERMOCOUPLE",
    "STARTER",
    "N1 SPEED SENSOR",
    "OIL COOLER",
    "CHIP DETECTOR",
    "ENGINE CONTROL UNIT",
    "VSV ACTUATOR",
    "BLEED VALVE SOLENOID",
    "ACCESSORY GEARBOX",
    "VIBRATION SENSOR",
    "OIL PRESSURE TRANSMITTER",
};
static const char *const engine_faults[] = {
    "NICKED BEYOND BLEND LIMITS",
    "OIL LEAK AT SPLIT LINE",
    "NO LIGHT OFF",
    "READING ERRATIC",
    "SLUGGISH CRANK, CLUTCH SLIPS",
    "METAL ON MAGNETIC PLUG",
    "VIBRATION #.# UNITS AT CRUISE",
    "DUAL CHANNEL FAULT",
    "OIL CONSUMPTION HIGH",
    "EGT MARGIN LOST",
    "LOCKWIRE BROKEN, FITTING LOOSE",
    "CARBON SEAL LEAKING",
};
static const char *const engine_evidence[] = {
    "CHIP ANALYSIS SHOWS M50 STEEL",
    "BORESCOPE FOUND RUB AT STAGE #",
    "OIL QTY DOWN # QTS IN ## HRS",
    "ECU FAULT 7#-##-##",
    "PEAK EGT ### C",
    "N2 STALLED AT ## PERCENT",
    "OIL WETTED LOWER COWL",
    "TREND ALERT FROM ENGINE MONITORING",
};

static const char *const cabin_parts[] = {
    "LAV FLUSH MOTOR",   "GALLEY OVEN",          "COFFEE MAKER",         "SEAT ACTUATOR",
    "CABIN DOOR DAMPER", "SLIDE BOTTLE",         "POTABLE WATER PUMP",   "VACUUM GENERATOR",
    "PSU OXYGEN MODULE", "CARGO LOADER MOTOR",   "CARGO SMOKE DETECTOR", "FIRE EXTINGUISHER BOTTLE",
    "ESCAPE SLIDE ASSY", "ENTERTAINMENT SERVER",
};
static const char *const cabin_faults[] = {
    "INOP",
    "LEAKS ON FLOOR",
    "PRESSURE BELOW GREEN BAND",
    "DUE HYDROSTATIC TEST",
    "FALSE ALARM IN CRUISE",
    "WILL NOT HEAT",
    "LIFE LIMIT REACHED",
    "JAMMED, WILL NOT RECLINE",
    "MOTOR RUNS CONTINUOUSLY",
    "LATCH BROKEN",
    "REBOOTS EVERY ## MINUTES",
    "OVERFLOWS WHEN FLUSHED",
};
static const char *const cabin_evidence[] = {
    "CABIN LOG PAGE ####",     "PLACARDED INOP PER MEL 25-##-##", "GAUGE READS ###0 PSI",
    "THIRD REPORT THIS MONTH", "SHELF LIFE DATE PASSED",          "SEAT ##% BLOCKED",
    "WATER DAMAGE ON PANEL",   "DETECTOR TESTED, FAILED TWICE",
};

static const char *const positions[] = {
    "LH",   "RH",   "NO. 1",  "NO. 2", "L/H INBD", "R/H OUTBD", "FWD",   "AFT",
    "NO 1", "NO 2", "CENTER", "LEFT",  "RIGHT",    "SYS A",     "SYS B", "UPPER",
};
static const char *const contexts[] = {
    "FOUND DURING C-CHECK",
    "FOUND ON PREFLIGHT WALKAROUND",
    "REPORTED BY CREW ON DESCENT",
    "NOTED DURING A-CHECK",
    "DURING TAXI OUT",
    "AFTER ENGINE START",
    "IN CRUISE AT FL3##",
    "DURING OVERNIGHT INSPECTION",
    "ON APPROACH, GO-AROUND FLOWN",
    "FOUND ON DAILY CHECK",
    "DURING POST FLIGHT INSPECTION",
    "AT TOP OF CLIMB",
    "ON SECOND LEG OF THE DAY",
    "DURING HEAVY MAINT VISIT",
    "DURING FUNCTIONAL TEST",
    "WHILE PUSHING BACK",
    "FOUND BY QC INSPECTOR",
    "AFTER HARD LANDING INSPECTION",
};
static const char *const actions[] = {
    "R&R IAW AMM ##-##-##",
    "REPLACED WITH SERVICEABLE UNIT, OPS CHECK GOOD",
    "REMOVED FOR SHOP EVALUATION",
    "UNIT REPLACED, LEAK CHECK OK",
    "REMOVED AND SENT FOR REPAIR",
    "REPLACED PER TASK ##-##-##-4##",
    "REMOVED TO FACILITATE OTHER MAINT",
    "ROBBED FOR AOG AIRCRAFT",
    "REPLACED, RETURN TO SERVICE",
    "REMOVED FOR TIME, CYCLES ####",
    "TROUBLESHOT IAW FIM ##-##, REPLACED",
    "TAGGED UNSERVICEABLE",
};
static const char *const notes[] = {
    "REPEAT WRITE UP, SEE PAGE ####",
    "DEFERRED PER MEL ##-##-##",
    "WARRANTY CLAIM OPENED",
    "TSN #####, CSN ####",
    "NO SPARE AT STATION",
    "PREVIOUS REMOVAL ## DAYS AGO",
    "SN %%##### OFF",
    "FLIGHT DELAYED ## MIN",
    "SB ##-## NOT EMBODIED",
    "SUSPECT MOISTURE",
    "SHOP TO ADVISE FINDINGS",
    "CONNECTOR CLEANED, NO HELP",
    "VIBRATION SUSPECTED",
    "PART ON ROBBERY LIST",
    "OK ON GROUND, FAULT IN FLIGHT",
};

const struct heddle_phrase_class heddle_phrase_classes[] = {
    {PHRASES(hydraulic_parts), PHRASES(hydraulic_faults), PHRASES(hydraulic_evidence)},
    {PHRASES(fuel_parts), PHRASES(fuel_faults), PHRASES(fuel_evidence)},
    {PHRASES(electric_parts), PHRASES(electric_faults), PHRASES(electric_evidence)},
    {PHRASES(avionics_parts), PHRASES(avionics_faults), PHRASES(avionics_evidence)},
    {PHRASES(gear_parts), PHRASES(gear_faults), PHRASES(gear_evidence)},
    {PHRASES(air_parts), PHRASES(air_faults), PHRASES(air_evidence)},
    {PHRASES(engine_parts), PHRASES(engine_faults), PHRASES(engine_evidence)},
    {PHRASES(cabin_parts), PHRASES(cabin_faults), PHRASES(cabin_evidence)},
};
const size_t heddle_phrase_class_count = sizeof heddle_phrase_classes / sizeof heddle_phrase_classes[0];

const struct heddle_phrases heddle_phrase_positions = PHRASES(positions);
const struct heddle_phrases heddle_phrase_contexts = PHRASES(contexts);
const struct heddle_phrases heddle_phrase_actions = PHRASES(actions);
const struct heddle_phrases heddle_phrase_notes = PHRASES(notes);
