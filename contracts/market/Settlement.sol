// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IEnergyToken} from "../interfaces/IEnergyToken.sol";
import {IMarketLedger} from "../interfaces/IMarketLedger.sol";
import {IMarketPositions} from "../interfaces/IMarketPositions.sol";
import {IMeterEnergy} from "../interfaces/IMeterEnergy.sol";
import {ISettlementCertificates} from "../interfaces/ISettlementCertificates.sol";
import {ISettlementDelivery} from "../interfaces/ISettlementDelivery.sol";
import {ISettlementExits} from "../interfaces/ISettlementExits.sol";
import {ISettlementZones} from "../interfaces/ISettlementZones.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {MeterPage} from "../types/MeterPages.sol";
import {Quality} from "../types/Metering.sol";
import {
    CertificateEntry,
    CertificatePool,
    DefaultedStretch,
    SettlementAddresses,
    SettlementParameters,
    SlotStatus,
    TariffBounds
} from "../types/Settlement.sol";
import {ExitStage, ZoneExit} from "../types/SettlementExits.sol";
import {CertificatePools} from "./CertificatePools.sol";
import {SettlementFunds} from "./SettlementFunds.sol";
import {SettlementRoom} from "./SettlementRoom.sol";
import {SettlementStorage} from "./SettlementStorage.sol";
import {SlotReadiness} from "./SlotReadiness.sol";
import {ZoneOperators} from "./ZoneOperators.sol";

/// @notice The clearing house: see `ISettlement`. One concept a part:
/// - `SettlementStorage` (all state), `SettlementLedger` (credits, arrears, claims)
/// - `SettlementAccounts` (enrolment, locks), `SettlementFunds` (tokens in and out), `ZoneOperators` (bonds)
/// - `ZonePrices`, `SlotReadiness`, `CertificatePools` (what both halves read)
/// - in `SettlementDelivery`, run by `delegatecall`: `DeliverySettlement` (the run over slots),
///   `SettlementPayments` (order of payment), `Certificates`, `ZoneTariffs`
/// - in `SettlementExits`, run the same way: how the market is wound down and accounts leave, recovery of accounts whose
///   key is lost, limits of joining
contract Settlement is
    SettlementFunds,
    ZoneOperators,
    SlotReadiness,
    CertificatePools,
    ISettlement
{
    address private immutable DELIVERY;
    address private immutable EXITS;

    /// @param authority access manager for the restricted functions
    /// @param settlementToken_ token all money is counted in; at most 12 decimals
    /// @param energyToken_ certificates; this contract must hold its minter role
    /// @param meter_ verified energies
    /// @param market_ positions; the only contract that may lock money
    /// @param treasury_ receives the trading fees
    /// @param predecessor `Settlement` to follow, which must be winding down; zero for none. No slot that is still its
    /// own is settled here
    /// @param delivery_ a `SettlementDelivery` deployed with the same eight values
    /// @param exits_ a `SettlementExits` deployed with the same eight values
    constructor(
        address authority,
        IERC20 settlementToken_,
        IEnergyToken energyToken_,
        IMeterEnergy meter_,
        IMarketPositions market_,
        address treasury_,
        SettlementParameters memory parameters,
        address predecessor,
        address delivery_,
        address exits_
    )
        SettlementStorage(
            SettlementAddresses({
                authority: authority,
                settlementToken: address(settlementToken_),
                energyToken: address(energyToken_),
                meter: address(meter_),
                market: address(market_),
                treasury: treasury_,
                predecessor: predecessor
            }),
            parameters
        )
    {
        bytes32 configuration = _configurationOf(
            SettlementAddresses({
                authority: authority,
                settlementToken: address(settlementToken_),
                energyToken: address(energyToken_),
                meter: address(meter_),
                market: address(market_),
                treasury: treasury_,
                predecessor: predecessor
            }),
            parameters
        );
        _requireSame(delivery_, configuration);
        _requireSame(exits_, configuration);
        _setTariffBounds(parameters.tariffBounds);
        DELIVERY = delivery_;
        EXITS = exits_;
    }

    /// @dev What stands in `ISettlementRecovery` and `ISettlementJoining`.
    fallback() external {
        _runExits();
    }

    /* RUN BY THE ROOMS (delegatecall, same calldata, same answer) */

    /// @inheritdoc ISettlementDelivery
    function settle(address, uint32) external returns (uint32) {
        _runDelivery();
    }

    /// @inheritdoc ISettlementDelivery
    function settleMany(address[] calldata, uint32) external returns (uint256) {
        _runDelivery();
    }

    /// @inheritdoc ISettlementDelivery
    function settlePage(MeterPage calldata, address[] calldata, uint32)
        external
        returns (uint256, uint256)
    {
        _runDelivery();
    }

    /// @inheritdoc IMarketLedger
    function settleUpTo(address, uint32) external returns (uint32) {
        _runDelivery();
    }

    /// @inheritdoc ISettlementCertificates
    function claimCertificates(address[] calldata, uint32) external returns (uint256) {
        _runDelivery();
    }

    /// @inheritdoc ISettlementZones
    function setTariff(uint16, uint32, uint256, uint256) external {
        _runDelivery();
    }

    /// @inheritdoc ISettlementZones
    function setTariffBounds(TariffBounds calldata) external {
        _runDelivery();
    }

    /// @inheritdoc ISettlementExits
    function windDown() external returns (uint32) {
        _runExits();
    }

    /// @inheritdoc ISettlementExits
    function closeAccounts(address[] calldata) external {
        _runExits();
    }

    /// @inheritdoc ISettlementExits
    function closeNext(uint256) external returns (uint256) {
        _runExits();
    }

    /// @inheritdoc ISettlementExits
    function gatherClaims(uint16, uint256) external returns (uint256) {
        _runExits();
    }

    /// @inheritdoc ISettlementExits
    function finalizeZone(uint16) external {
        _runExits();
    }

    /// @inheritdoc ISettlementExits
    function payExits(address[] calldata) external {
        _runExits();
    }

    /* VIEWS */

    /// @inheritdoc ISettlementDelivery
    function settlementStatus(address account, uint32 slot) external view returns (SlotStatus) {
        AccountWord word = _accounts[account];
        if (word.zone() == 0 || word.has(AccountWordLib.FLAG_OPERATOR)) {
            return SlotStatus.NOT_ENROLLED;
        }
        if (slot < word.settledUntil()) return SlotStatus.SETTLED;
        if (slot >= _currentSlot()) return SlotStatus.FUTURE;
        if (!_isMetered(word, _members[account], slot)) return SlotStatus.READY;
        if (METER.slotEnergies(account, slot, 1)[0].quality != Quality.MISSING) {
            return SlotStatus.READY;
        }
        if (block.timestamp > METER.readingDeadline(slot)) return SlotStatus.READY_BY_DEFAULT;
        return _isLong(_gapAround(account, slot)) ? SlotStatus.READY_BY_DEFAULT : SlotStatus.WAITING;
    }

    /// @inheritdoc ISettlementDelivery
    function defaultedStretch(address account)
        external
        view
        returns (DefaultedStretch memory stretch)
    {
        if (_members[account].defaultedFrom != 0) stretch = _stretches[account];
    }

    /// @inheritdoc ISettlementZones
    function imbalancePrices(uint16 zone, uint32 slot)
        external
        view
        returns (uint256 shortPricePerKWh, uint256 longPricePerKWh)
    {
        return _slotPrices(_runPrices(zone, slot, slot), slot);
    }

    /// @inheritdoc ISettlementZones
    function tariffBounds() external view returns (TariffBounds memory) {
        return _tariffBounds;
    }

    /// @inheritdoc ISettlementCertificates
    function certificatePool(uint16 region, uint32 slot)
        external
        view
        returns (CertificatePool memory)
    {
        return _certificatePool(region, slot);
    }

    /// @inheritdoc ISettlementCertificates
    function certificateEntry(address account, uint32 slot)
        external
        view
        returns (CertificateEntry memory)
    {
        return _certificateEntry(account, slot);
    }

    /// @inheritdoc ISettlementCertificates
    function energyToken() external view returns (address) {
        return address(ENERGY_TOKEN);
    }

    /// @inheritdoc ISettlement
    function market() external view returns (address) {
        return address(MARKET);
    }

    /// @inheritdoc ISettlement
    function meter() external view returns (address) {
        return address(METER);
    }

    /// @inheritdoc ISettlement
    function delivery() external view returns (address) {
        return DELIVERY;
    }

    /// @inheritdoc ISettlement
    function exits() external view returns (address) {
        return EXITS;
    }

    /// @inheritdoc ISettlementExits
    function windDownSlot() external view returns (uint32) {
        return _totals.windDownSlot;
    }

    /// @inheritdoc ISettlementExits
    function exitStage() external view returns (ExitStage) {
        if (_totals.windDownSlot == 0) return ExitStage.OPEN;
        return _accountsPassed == _totals.accounts ? ExitStage.CLOSED : ExitStage.CLOSING;
    }

    /// @inheritdoc ISettlementExits
    function accountsPassed() external view returns (uint256) {
        return _accountsPassed;
    }

    /// @inheritdoc ISettlementExits
    function isClosed(address account) external view returns (bool) {
        return _accounts[account].has(AccountWordLib.FLAG_CLOSED);
    }

    /// @inheritdoc ISettlementExits
    function netBalance(address account) external view returns (int256) {
        return _netBalances[account];
    }

    /// @inheritdoc ISettlementExits
    function zoneExit(uint16 zone) external view returns (ZoneExit memory) {
        return _zoneExits[zone];
    }

    /* INTERNAL */

    function _runDelivery() private {
        _run(DELIVERY);
    }

    function _runExits() private {
        _run(EXITS);
    }

    /// @dev Runs the called function in a room and ends the call with its answer or its error. Safe because who deployed
    /// this code has chosen that code, too, neither can change, and both share `SettlementStorage`.
    function _run(address target) private {
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let success := delegatecall(gas(), target, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if success { return(data, returndatasize()) }
            revert(data, returndatasize())
        }
    }

    /// @dev Check: a room computes with its own immutables, so they must be ours.
    function _requireSame(address room, bytes32 configuration) private view {
        if (
            room.code.length == 0 || SettlementRoom(room).CONFIGURATION() != configuration
        ) revert RoomDiffers(room);
    }
}
