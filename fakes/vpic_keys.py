"""The keys of a result of vPIC, all of them always there, and how it words its codes."""

from __future__ import annotations

_KEYS = """
    ABS ActiveSafetySysNote AdaptiveCruiseControl AdaptiveDrivingBeam AdaptiveHeadlights
    AdditionalErrorText AirBagLocCurtain AirBagLocFront AirBagLocKnee AirBagLocSeatCushion
    AirBagLocSide AutoReverseSystem AutomaticPedestrianAlertingSound AxleConfiguration Axles
    BasePrice BatteryA BatteryA_to BatteryCells BatteryInfo BatteryKWh BatteryKWh_to
    BatteryModules BatteryPacks BatteryType BatteryV BatteryV_to BedLengthIN BedType
    BlindSpotIntervention BlindSpotMon BodyCabType BodyClass BrakeSystemDesc BrakeSystemType
    BusFloorConfigType BusLength BusType CAN_AACN CIB CashForClunkers ChargerLevel
    ChargerPowerKW CombinedBrakingSystem CoolingType CurbWeightLB CustomMotorcycleType
    DaytimeRunningLight DestinationMarket DisplacementCC DisplacementCI DisplacementL Doors
    DriveType DriverAssist DynamicBrakeSupport EDR ESC EVDriveUnit ElectrificationLevel
    EngineConfiguration EngineCycles EngineCylinders EngineHP EngineHP_to EngineKW
    EngineManufacturer EngineModel EntertainmentSystem ErrorCode ErrorText
    ForwardCollisionWarning FuelInjectionType FuelTankMaterial FuelTankType FuelTypePrimary
    FuelTypeSecondary GCWR GCWR_to GVWR GVWR_to KeylessIgnition LaneCenteringAssistance
    LaneDepartureWarning LaneKeepSystem LowerBeamHeadlampLightSource Make MakeID Manufacturer
    ManufacturerId Model ModelID ModelYear MotorcycleChassisType MotorcycleSuspensionType
    NCSABodyType NCSAMake NCSAMapExcApprovedBy NCSAMapExcApprovedOn NCSAMappingException
    NCSAModel NCSANote NonLandUse Note OtherBusInfo OtherEngineInfo OtherMotorcycleInfo
    OtherRestraintSystemInfo OtherTrailerInfo ParkAssist PedestrianAutomaticEmergencyBraking
    PlantCity PlantCompanyName PlantCountry PlantState PossibleValues Pretensioner
    RearAutomaticEmergencyBraking RearCrossTrafficAlert RearVisibilitySystem SAEAutomationLevel
    SAEAutomationLevel_to SeatBeltsAll SeatRows Seats SemiautomaticHeadlampBeamSwitching Series
    Series2 SteeringLocation SuggestedVIN TPMS TopSpeedMPH TrackWidth TractionControl
    TrailerBodyType TrailerLength TrailerType TransmissionSpeeds TransmissionStyle Trim Trim2
    Turbo VIN ValveTrainDesign VehicleDescriptor VehicleType WheelBaseLong WheelBaseShort
    WheelBaseType WheelSizeFront WheelSizeRear WheelieMitigation Wheels Windows
"""
KEYS = tuple(_KEYS.split())
# What vPIC says of things that such a vehicle does not have.
NOT_APPLICABLE = (
    *("BusFloorConfigType", "BusType", "CustomMotorcycleType", "MotorcycleChassisType"),
    *("MotorcycleSuspensionType", "TrailerBodyType", "TrailerType"),
)
CLEAN, WRONG_DIGIT, CORRECTED, ERRORS, INCOMPLETE = 0, 1, 4, 5, 6
UNREGISTERED, NO_DETAIL, WRONG_YEAR, UNKNOWN, INVALID = 7, 8, 11, 14, 400
TEXTS = {
    CLEAN: "VIN decoded clean. Check Digit (9th position) is correct",
    WRONG_DIGIT: "Check Digit (9th position) does not calculate properly",
    CORRECTED: "VIN corrected, error in one position only (indicated by ! in Suggested VIN), "
    "multiple matches found",
    ERRORS: "VIN has errors in few positions",
    INCOMPLETE: "Incomplete VIN",
    UNREGISTERED: "Manufacturer is not registered with NHTSA for sale or importation in the U.S. "
    "for use on U.S roads; Please contact the manufacturer directly for more information",
    NO_DETAIL: "No detailed data available currently",
    WRONG_YEAR: "Incorrect Model Year - Position 10 does not match valid model year codes "
    "(I, O, Q, U, Z, 0). Decoded data may not be accurate.",
    UNKNOWN: "Unable to provide information for all of the characters in the VIN, based on the "
    "manufacturer submission",
    INVALID: "Invalid Characters Present",
}
EXCEPTION = "VIN decoded clean. Check Digit Exception"
