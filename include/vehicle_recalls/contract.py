"""What a published row of vehicle recalls is."""

from datetime import date
from fractions import Fraction

import pyarrow as pa
import pyarrow.compute as pc

from include.data.contract import TIMESTAMP, Column, Dataset, Limit, Limits
from include.vehicle_recalls.years import FIRST_YEAR

DATASET = "6axg-epim"
KEY_SHAPE = r"\d\d[VETCI][0-9A-Z]{6}"
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
# likely half a refresh than a correction: a person looks, and may waive the check.
LIMITS = Limits(
    rows_per_partition=Limit(
        Fraction("0.005"),
        "Rows that a past year loses: recalls are retracted one by one.",
    ),
    rows_in_total=Limit(Fraction("0.02"), "Rows that all years lose together."),
    nulls=Limit(
        Fraction("0.05"),
        "Values of a column that are missing beyond the share of before, in a year and in all.",
    ),
    quarantine=Limit(
        Fraction("0.01"), "Rows that break the contract, of all that came.", inclusive=False
    ),
)

RECALLS = Dataset(
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
            pa.string(),
            "The source's row id in the read that last changed this year; new at every refresh, never a key.",
            source=":id",
            business=False,
        ),
        Column(
            "created_at",
            TIMESTAMP,
            "When the source wrote the row, in that read; it rewrites all of them daily.",
            source=":created_at",
            business=False,
        ),
        Column(
            "updated_at",
            TIMESTAMP,
            "The source's update time of the row, in that read; says nothing of an edit.",
            source=":updated_at",
            business=False,
        ),
        Column(
            "report_received_date",
            pa.date32(),
            "The day NHTSA received the report; its year is the file the row is in.",
            source_types=DAY,
            required=True,
            minimum=date(FIRST_YEAR, 1, 1),
        ),
        Column(
            "nhtsa_id",
            pa.string(),
            "NHTSA's campaign number, such as 24V436000: the key, unique over all years.",
            source_types=TEXT,
            required=True,
            shape=KEY_SHAPE,
            upper=True,
        ),
        Column(
            "recall_link",
            pa.string(),
            "The campaign's page at NHTSA.",
            source_types=("url", "text"),
        ),
        Column(
            "manufacturer",
            pa.string(),
            "The manufacturer, verbatim: cut at 40 characters, and spelled in more than one way.",
            source_types=TEXT,
        ),
        Column("subject", pa.string(), "The campaign in a few words.", source_types=TEXT),
        Column(
            "component",
            pa.string(),
            "The component that the recall is about, one of about 40 upper-case names; NHTSA later removes it from some recalls.",
            source_types=TEXT,
            known=COMPONENTS,
        ),
        Column(
            "mfr_campaign_number",
            pa.string(),
            "The manufacturer's own number, or NR (Not Reported).",
            source_types=TEXT,
        ),
        Column(
            "recall_type",
            pa.string(),
            "Vehicle, Equipment, Tire or Child Seat.",
            source_types=TEXT,
            known=TYPES,
        ),
        Column(
            "potentially_affected",
            pa.int64(),
            "How many vehicles or items may have the defect.",
            source_types=NUMBER,
            minimum=0,
        ),
        Column(
            "defect_summary",
            pa.string(),
            "What is wrong; absent on many old recalls.",
            source_types=TEXT,
        ),
        Column(
            "consequence_summary",
            pa.string(),
            "What can happen because of it.",
            source_types=TEXT,
        ),
        Column(
            "corrective_action",
            pa.string(),
            "What the manufacturer will do.",
            source_types=TEXT,
        ),
        Column(
            "fire_risk_when_parked",
            pa.bool_(),
            "Whether owners are told to park outside.",
            source_types=TEXT,
        ),
        Column(
            "do_not_drive",
            pa.bool_(),
            "Whether owners are told not to drive.",
            source_types=TEXT,
        ),
        Column(
            "completion_rate",
            pa.float64(),
            "Percent of the items that were remedied, 0 to 100; absent before 2009 and on a fifth after.",
            source_types=NUMBER,
            minimum=0,
            maximum=100,
            # Manufacturers report it by quarters, first after the one in which the recall began.
            reported_late=True,
        ),
    ),
    limits=LIMITS,
    partition_by="year",
    partition_type=pa.int32(),
    partition_of=lambda rows: pc.year(rows[DATE]),
    keys_move=True,  # NHTSA corrects dates
    # A year may lose rows, and lack completion rates, while it is not over.
    is_open=lambda year, observed_at: year >= observed_at[:4],
)
