// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IMarketLedger} from "../interfaces/IMarketLedger.sol";
import {IMarketPositions} from "../interfaces/IMarketPositions.sol";
import {AccountWord} from "../types/AccountWord.sol";
import {SlotPosition} from "../types/Market.sol";

/// @notice A market whose positions, auction prices and regions a test writes down, and that locks what a test says.
contract MockMarket is IMarketPositions {
    using SafeCast for uint256;

    IMarketLedger public ledger;
    uint256 public cap = 1_000_000;
    uint32 public capChangesAt = type(uint32).max;
    uint256 public laterCap;
    /// @dev One word a slot, so that gas is near that of the real market.
    struct PackedPosition {
        uint32 boughtWh;
        uint32 soldWh;
        uint40 cost;
        uint40 proceeds;
        uint40 networkFee;
        uint32 tradingFee;
        uint40 unlocked;
    }

    mapping(uint24 accountId => mapping(uint32 slot => PackedPosition)) private _positions;
    mapping(uint16 region => mapping(uint32 slot => uint256)) public tradedWh;
    mapping(uint16 zone => mapping(uint32 slot => uint256)) private _auctionPrices;
    mapping(uint16 zone => uint16 region) private _regions;

    /// @notice The account word that `adjustLock` answered.
    event Answered(AccountWord word);
    /// @notice Settlement took positions over a run of slots.
    event Taken(uint24 accountId, uint16 zone, uint32 firstSlot, uint32 count);

    function connect(IMarketLedger ledger_) external {
        ledger = ledger_;
    }

    function setCap(uint256 pricePerKWh) external {
        cap = pricePerKWh;
    }

    function setCapFrom(uint32 slot, uint256 pricePerKWh) external {
        capChangesAt = slot;
        laterCap = pricePerKWh;
    }

    function setPositions(uint24 accountId, uint32 firstSlot, SlotPosition[] calldata positions)
        external
    {
        for (uint32 i = 0; i < positions.length; ++i) {
            _positions[accountId][firstSlot + i] = PackedPosition({
                boughtWh: positions[i].boughtWh.toUint32(),
                soldWh: positions[i].soldWh.toUint32(),
                cost: positions[i].cost.toUint40(),
                proceeds: positions[i].proceeds.toUint40(),
                networkFee: positions[i].networkFee.toUint40(),
                tradingFee: positions[i].tradingFee.toUint32(),
                unlocked: positions[i].unlocked.toUint40()
            });
        }
    }

    function setTraded(uint16 region, uint32 firstSlot, uint256[] calldata energiesWh) external {
        for (uint32 i = 0; i < energiesWh.length; ++i) {
            tradedWh[region][firstSlot + i] = energiesWh[i];
        }
    }

    /// @param prices one a slot, `highest << 128 | lowest`
    function setAuctionPrices(uint16 zone, uint32 firstSlot, uint256[] calldata prices) external {
        for (uint32 i = 0; i < prices.length; ++i) {
            _auctionPrices[zone][firstSlot + i] = prices[i];
        }
    }

    function setRegion(uint16 zone, uint16 region) external {
        _regions[zone] = region;
    }

    function adjustLock(address account, int256 lockDelta) external returns (AccountWord word) {
        word = ledger.adjustLock(account, lockDelta);
        emit Answered(word);
    }

    function adjustLocks(address[] calldata accounts, int256[] calldata lockDeltas) external {
        ledger.adjustLocks(accounts, lockDeltas);
    }

    function creditRent(address owner, uint256 amount) external {
        ledger.creditRent(owner, amount);
    }

    function settleUpTo(address account, uint32 untilSlot) external returns (uint32) {
        return ledger.settleUpTo(account, untilSlot);
    }

    function takePositions(uint24 accountId, uint16 zone, uint32 firstSlot, uint32 count)
        external
        returns (SlotPosition[] memory positions)
    {
        if (msg.sender != address(ledger)) revert NotTheLedger(msg.sender);
        emit Taken(accountId, zone, firstSlot, count);
        return slotPositions(accountId, zone, firstSlot, count);
    }

    function auctionPrices(uint16 zone, uint32 firstSlot, uint32 count)
        external
        view
        returns (uint256[] memory prices)
    {
        return coveringPrices(zone, firstSlot, count);
    }

    function coveringPrices(uint16 zone, uint32 firstSlot, uint32 count)
        public
        view
        returns (uint256[] memory prices)
    {
        prices = new uint256[](count);
        for (uint32 i = 0; i < count; ++i) {
            prices[i] = _auctionPrices[zone][firstSlot + i];
        }
    }

    function regionOf(uint16 zone) external view returns (uint16 region) {
        region = _regions[zone];
        if (region == 0) region = zone;
    }

    function slotPositions(uint24 accountId, uint16, uint32 firstSlot, uint32 count)
        public
        view
        returns (SlotPosition[] memory positions)
    {
        positions = new SlotPosition[](count);
        for (uint32 i = 0; i < count; ++i) {
            PackedPosition memory packed = _positions[accountId][firstSlot + i];
            positions[i] = SlotPosition({
                boughtWh: packed.boughtWh,
                soldWh: packed.soldWh,
                cost: packed.cost,
                proceeds: packed.proceeds,
                networkFee: packed.networkFee,
                tradingFee: packed.tradingFee,
                unlocked: packed.unlocked
            });
        }
    }

    function shortPriceCap(uint16, uint32 slot) external view returns (uint256 pricePerKWh) {
        return slot < capChangesAt ? cap : laterCap;
    }
}
