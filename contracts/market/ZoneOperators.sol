// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ISettlementDelivery} from "../interfaces/ISettlementDelivery.sol";
import {ISettlementFunds} from "../interfaces/ISettlementFunds.sol";
import {ISettlementZones} from "../interfaces/ISettlementZones.sol";
import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {ZoneState} from "../types/Settlement.sol";
import {SettlementAccounts} from "./SettlementAccounts.sol";
import {ZonePrices} from "./ZonePrices.sol";

/// @notice Grid operators, their bonds and what they owe members. See `ISettlementZones`.
abstract contract ZoneOperators is SettlementAccounts, ZonePrices, ISettlementZones {
    /// @dev Claims anybody may have paid in one call.
    uint256 private constant MAX_CLAIMS_PER_CALL = 100;

    /* OPERATOR FUNCTIONS */

    /// @inheritdoc ISettlementZones
    function postBond(uint256 amount) external {
        _requireOpen();
        (uint16 zone, AccountWord word) = _callingOperator();
        if (amount == 0) revert ISettlementFunds.NothingToMove();
        _requireNoDebts(msg.sender, word);
        _requireFree(word, amount);
        uint256 bond = _zones[zone].bond + amount;
        _accounts[msg.sender] = word.withBalances(word.free() - amount, word.locked());
        _setBond(zone, bond);
        emit BondPosted(zone, amount, bond);
    }

    /// @inheritdoc ISettlementZones
    function withdrawBond(uint256 amount) external {
        _requireOpen();
        (uint16 zone, AccountWord word) = _callingOperator();
        if (amount == 0) revert ISettlementFunds.NothingToMove();
        _requireNoDebts(msg.sender, word);
        uint256 bond = _zones[zone].bond;
        uint256 allowed = bond > BOND_FLOOR ? bond - BOND_FLOOR : 0;
        if (amount > allowed) revert BondBelowFloor(amount, allowed);
        _accounts[msg.sender] = word.withBalances(word.free() + amount, word.locked());
        _setBond(zone, bond - amount);
        emit BondWithdrawn(zone, amount, bond - amount);
    }

    /// @inheritdoc ISettlementZones
    function payClaims(uint16 zone, uint256 maxCount) external returns (uint256 paid) {
        if (_zones[zone].operator == address(0)) revert ZoneWithoutOperator(zone);
        if (maxCount > MAX_CLAIMS_PER_CALL) {
            revert ISettlementDelivery.TooManyInBatch(maxCount, MAX_CLAIMS_PER_CALL);
        }
        return _payClaims(zone, maxCount);
    }

    /* RESTRICTED FUNCTIONS */

    /// @inheritdoc ISettlementZones
    function appointOperator(uint16 zone, address operator)
        external
        restricted
        returns (uint24 accountId)
    {
        _requireOpen();
        if (zone == 0) revert InvalidZone(zone);
        address incumbent = _zones[zone].operator;
        if (incumbent != address(0)) revert ZoneHasOperator(zone, incumbent);
        if (operator == address(0)) revert ReservedAddress(operator);

        _zones[zone].operator = operator;
        _zoneList.push(zone);
        accountId = _register(
            operator, zone, AccountWord.wrap(0).withFlag(AccountWordLib.FLAG_OPERATOR, true)
        );
        emit OperatorAppointed(zone, operator, accountId);
        _setBond(zone, 0);
    }

    /* VIEWS */

    /// @inheritdoc ISettlementZones
    function zoneState(uint16 zone) external view returns (ZoneState memory) {
        ClaimQueue storage queue = _claimQueues[zone];
        return ZoneState({
            operator: _zones[zone].operator,
            bond: _zones[zone].bond,
            claims: queue.total,
            claimCount: queue.tail - queue.head
        });
    }

    /// @inheritdoc ISettlementZones
    function claimAt(uint16 zone, uint256 position)
        external
        view
        returns (address account, uint256 amount)
    {
        Claim memory claim = _claimQueues[zone].claims[position];
        return (claim.account, claim.amount);
    }

    /// @inheritdoc ISettlementZones
    function zoneAt(uint256 index) external view returns (uint16) {
        return index < _zoneList.length ? _zoneList[index] : 0;
    }

    /// @inheritdoc ISettlementZones
    function zoneCount() external view returns (uint256) {
        return _zoneList.length;
    }

    /// @inheritdoc ISettlementZones
    function bondFloor() external view returns (uint256) {
        return BOND_FLOOR;
    }

    /* INTERNAL */

    function _callingOperator() internal view returns (uint16 zone, AccountWord word) {
        word = _accounts[msg.sender];
        if (!word.has(AccountWordLib.FLAG_OPERATOR)) revert NotTheOperator(msg.sender, 0);
        zone = word.zone();
    }
}
