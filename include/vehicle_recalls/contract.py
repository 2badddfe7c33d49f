"""What a published row of vehicle recalls is."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pyarrow as pa

from include.first.contract import TIMESTAMP, Column, Contract, Limit, Limits

DATASET = "6axg-epim"
# NHTSA was founded in 1966; its oldest recall is of that year.
FIRST_YEAR = 1966
DATE = "report_received_date"
TEXT, NUMBER = ("text",), ("number", "text")
DAY = ("floating_timestamp", "calendar_date")
TYPES = ("Vehicle", "Equipment", "Tire", "Child Seat")
# The first part of NHTSA's component names; old recalls have spellings that new ones have not.
COMPONENTS = (
    *("AIR BAGS", "BACK OVER PREVENTION", "CHILD SEAT", "COMMUNICATION", "COMMUNICATIONS"),
    *("ELECTRICAL SYSTEM", "ELECTRONIC STABILITY CONTROL", "ELECTRONIC STABILITY CONTROL (ESC)"),
    *("ENGINE", "ENGINE AND ENGINE COOLING", "EQUIPMENT", "EQUIPMENT ADAPTIVE/MOBILITY"),
    *("EQUIPMENT:OTHER:LABELS", "EXTERIOR LIGHTING", "FORWARD COLLISION AVOIDANCE", "FUEL SYSTEM"),
    *("FUEL SYSTEM, DIESEL", "FUEL SYSTEM, GASOLINE", "FUEL SYSTEM, OTHER"),
    *("FUEL/PROPULSION SYSTEM", "HYBRID PROPULSION SYSTEM", "INTERIOR LIGHTING"),
    *("INTERIOR SYSTEMS", "LANE DEPARTURE", "LATCHES/LOCKS/LINKAGES", "OTHER/I AM NOT SURE"),
    *("PARKING BRAKE", "POWER TRAIN", "SEAT BELTS", "SEATS", "SERVICE BRAKES"),
    *("SERVICE BRAKES, AIR", "SERVICE BRAKES, ELECTRIC", "SERVICE BRAKES, HYDRAULIC", "STEERING"),
    *("STRUCTURE", "SUSPENSION", "TIRES", "TRACTION CONTROL SYSTEM", "TRAILER HITCHES"),
    *("UNKNOWN OR OTHER", "VEHICLE SPEED CONTROL", "VISIBILITY", "VISIBILITY/WIPER", "WHEELS"),
)
# NHTSA corrects its history all the time, a few recalls a day. More than that in one read is more
# likely half a refresh than a correction: a person looks, and may accept it.
LIMITS = Limits(
    rows_per_year=Limit(
        Fraction("0.005"),
        "Rows that a year loses when it is over: recalls are retracted one by one.",
    ),
    rows_in_total=Limit(Fraction("0.02"), "Rows that all years lose together."),
    nulls=Limit(
        Fraction("0.05"),
        "Values of a column that are missing beyond the share of before, in a year and in all.",
    ),
    quarantine=Limit(
        Fraction("0.01"), "Rows that break the contract, of all that came.", reached=False
    ),
)

CONTRACT = Contract(
    name="vehicle_recalls",
    version="1",
    grain=(
        "One row is one recall campaign as a manufacturer reported it to NHTSA, in its newest "
        "wording. A year file holds the campaigns whose report was received in that year. "
        "One campaign can cover many models, so counts of campaigns and of vehicles "
        "(`potentially_affected`) answer different questions; do not add vehicles up over "
        "campaigns, for a car can be in several."
    ),
    key="nhtsa_id",
    sort_by=("report_received_date", "nhtsa_id"),
    columns=(
        Column(
            "Id",
            ":id",
            pa.string(),
            "The source's row id in the read that last changed this year; new at every refresh, never a key.",
            (),
            business=False,
        ),
        Column(
            "created_at",
            ":created_at",
            TIMESTAMP,
            "When the source wrote the row, in that read; it rewrites all of them daily.",
            (),
            business=False,
        ),
        Column(
            "updated_at",
            ":updated_at",
            TIMESTAMP,
            "The source's update time of the row, in that read; says nothing of an edit.",
            (),
            business=False,
        ),
        Column(
            "report_received_date",
            "report_received_date",
            pa.date32(),
            "The day NHTSA received the report; its year is the file the row is in.",
            DAY,
            required=True,
            minimum=date(FIRST_YEAR, 1, 1),
        ),
        Column(
            "nhtsa_id",
            "nhtsa_id",
            pa.string(),
            "NHTSA's campaign number, such as 24V436000: the key, unique over all years.",
            TEXT,
            required=True,
        ),
        Column(
            "recall_link",
            "recall_link",
            pa.string(),
            "The campaign's page at NHTSA.",
            ("url", "text"),
        ),
        Column(
            "manufacturer",
            "manufacturer",
            pa.string(),
            "Who recalls, verbatim: cut at 40 characters, and spelled in more than one way.",
            TEXT,
        ),
        Column("subject", "subject", pa.string(), "The campaign in a few words.", TEXT),
        Column(
            "component",
            "component",
            pa.string(),
            "The part at fault, from about 40 upper-case names; the source removes it from some recalls later.",
            TEXT,
            known=COMPONENTS,
        ),
        Column(
            "mfr_campaign_number",
            "mfr_campaign_number",
            pa.string(),
            "The manufacturer's own number, or NR (Not Reported).",
            TEXT,
        ),
        Column(
            "recall_type",
            "recall_type",
            pa.string(),
            "Vehicle, Equipment, Tire or Child Seat.",
            TEXT,
            known=TYPES,
        ),
        Column(
            "potentially_affected",
            "potentially_affected",
            pa.int64(),
            "How many vehicles or items may have the defect.",
            NUMBER,
            minimum=0,
        ),
        Column(
            "defect_summary",
            "defect_summary",
            pa.string(),
            "What is wrong; absent on many old recalls.",
            TEXT,
        ),
        Column(
            "consequence_summary",
            "consequence_summary",
            pa.string(),
            "What can happen because of it.",
            TEXT,
        ),
        Column(
            "corrective_action",
            "corrective_action",
            pa.string(),
            "What the manufacturer will do.",
            TEXT,
        ),
        Column(
            "fire_risk_when_parked",
            "fire_risk_when_parked",
            pa.bool_(),
            "Whether owners are told to park outside.",
            TEXT,
        ),
        Column(
            "do_not_drive",
            "do_not_drive",
            pa.bool_(),
            "Whether owners are told not to drive.",
            TEXT,
        ),
        Column(
            "completion_rate",
            "completion_rate",
            pa.float64(),
            "Percent of the items that were remedied, 0 to 100; absent before 2009 and on a fifth after.",
            NUMBER,
            minimum=0,
            maximum=100,
            # Manufacturers report it by quarters, first after the one in which the recall began.
            comes_late=True,
        ),
    ),
    limits=LIMITS,
)
