// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IMeterPages} from "../interfaces/IMeterPages.sol";
import {ISettlementAccounts} from "../interfaces/ISettlementAccounts.sol";
import {ISettlementDelivery} from "../interfaces/ISettlementDelivery.sol";
import {ISettlementFunds} from "../interfaces/ISettlementFunds.sol";
import {SettledFigures} from "../libraries/SettledFigures.sol";
import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {SlotPosition} from "../types/Market.sol";
import {EnergyWord} from "../types/EnergyWord.sol";
import {MeterPage} from "../types/MeterPages.sol";
import {DefaultedStretch, SettlementBasis} from "../types/Settlement.sol";
import {Certificates} from "./Certificates.sol";
import {SettlementPayments} from "./SettlementPayments.sol";
import {StretchCorrections} from "./StretchCorrections.sol";

/// @notice Settles accounts slot by slot. See `ISettlementDelivery`.
abstract contract DeliverySettlement is SettlementPayments, Certificates, StretchCorrections {
    using SafeCast for uint256;
    using SettledFigures for bytes;

    /// @dev What the accounts of one call share.
    /// @param prices of the last zone and slots looked up
    /// @param region of that zone
    /// @param givenWh energy to be minted to the pools at the end
    /// @param closing whether the market is wound down
    struct Batch {
        RunPrices prices;
        uint16 region;
        uint256 givenWh;
        bool closing;
    }

    /// @dev Everything about one account's run.
    /// @param figures of the slots settled, for the event
    /// @param gap the gap around the slots that are defaulted or estimated now
    /// @param estimatedUntil end of the gap whose worst prices `worstShort`, `worstLong` hold; 0 for none
    struct Run {
        address account;
        AccountWord word;
        Member member;
        bool memberChanged;
        Purse purse;
        CertificateRun certificates;
        bytes figures;
        RunPrices prices;
        Gap gap;
        DefaultedStretch stretch;
        uint256 estimatedUntil;
        uint256 worstShort;
        uint256 worstLong;
    }

    /// @dev One week: bounds the gas of a call.
    uint256 private constant MAX_RUN_SLOTS = 672;
    uint256 private constant MAX_ACCOUNTS = 100;

    /* SETTLING */

    /// @dev See `ISettlementDelivery.settle`.
    function settle(address account, uint32 untilSlot)
        external
        nonReentrant
        returns (uint32 settledUntil)
    {
        return _settleOne(account, untilSlot);
    }

    /// @dev See `IMarketLedger.settleUpTo`.
    function settleUpTo(address account, uint32 untilSlot)
        external
        onlyMarket
        nonReentrant
        returns (uint32 settledUntil)
    {
        return _settleOne(account, untilSlot);
    }

    /// @dev See `ISettlementDelivery.settleMany`.
    function settleMany(address[] calldata accounts, uint32 untilSlot)
        external
        nonReentrant
        returns (uint256 slotsSettled)
    {
        return _settleMany(accounts, untilSlot);
    }

    /// @dev See `ISettlementDelivery.settlePage`.
    function settlePage(MeterPage calldata page, address[] calldata accounts, uint32 untilSlot)
        external
        nonReentrant
        returns (uint256 readingsAccepted, uint256 slotsSettled)
    {
        // Interaction: trusted, and it calls nobody.
        readingsAccepted = IMeterPages(address(METER)).revealPage(page);
        slotsSettled = _settleMany(accounts, untilSlot);
    }

    /* THE RUN */

    function _settleMany(address[] calldata accounts, uint256 untilSlot)
        private
        returns (uint256 slotsSettled)
    {
        if (accounts.length > MAX_ACCOUNTS) {
            revert ISettlementDelivery.TooManyInBatch(accounts.length, MAX_ACCOUNTS);
        }
        Batch memory batch;
        untilSlot = _endOf(batch, untilSlot);
        for (uint256 i = 0; i < accounts.length; ++i) {
            uint256 settledFrom = _accounts[accounts[i]].settledUntil();
            slotsSettled += _settleAccount(batch, accounts[i], untilSlot) - settledFrom;
        }
        if (batch.givenWh != 0) ENERGY_TOKEN.mint(address(this), batch.givenWh);
    }

    function _settleOne(address account, uint256 untilSlot) private returns (uint32) {
        Batch memory batch;
        uint256 settledUntil = _settleAccount(batch, account, _endOf(batch, untilSlot));
        if (batch.givenWh != 0) ENERGY_TOKEN.mint(address(this), batch.givenWh);
        return uint32(settledUntil); // 28 bits in the account word
    }

    /// @dev First slot that is not to be settled: it has not ended, or is void.
    function _endOf(Batch memory batch, uint256 untilSlot) private view returns (uint256 end) {
        end = _min(untilSlot, _currentSlot());
        uint256 voidFrom = _totals.windDownSlot;
        if (voidFrom == 0) return end;
        batch.closing = true;
        return _min(end, voidFrom);
    }

    /// @return settledUntil first slot not settled afterwards
    function _settleAccount(Batch memory batch, address account, uint256 end)
        private
        returns (uint256 settledUntil)
    {
        AccountWord word = _enrolled(account);
        if (word.has(AccountWordLib.FLAG_OPERATOR)) {
            revert ISettlementFunds.OperatorCannotTrade(account);
        }
        uint256 first = word.settledUntil();
        if (end <= first) return first;

        if (_hasNothingToSettle(word)) {
            _accounts[account] = word.withSettledUntil(end);
            emit ISettlementDelivery.AccountPassedOver(account, uint32(first), uint32(end));
            return end;
        }

        Run memory run;
        run.account = account;
        run.word = word;
        run.member = _members[account];
        EnergyWord[] memory energies;
        (energies, end) = _finalEnergies(run, first, _min(end, first + MAX_RUN_SLOTS));
        if (end == first) return first;

        _openRun(batch, run, first, end);
        SlotPosition[] memory positions =
            MARKET.takePositions(word.accountId(), word.zone(), uint32(first), uint32(end - first));
        for (uint256 i = 0; i < positions.length; ++i) {
            _settleSlot(run, first + i, positions[i], energies[i]);
        }
        emit ISettlementDelivery.SlotsSettled(account, uint32(first), run.figures);
        _closeRun(run, end);
        batch.givenWh += run.certificates.givenWh;
        return end;
    }

    /// @dev Verified energies from `first` on, and the end of the part of [first, end) that can be settled now. A
    /// metered slot before that end whose quality is MISSING is settled by default.
    function _finalEnergies(Run memory run, uint256 first, uint256 end)
        private
        view
        returns (EnergyWord[] memory energies, uint256)
    {
        if (!run.word.has(AccountWordLib.FLAG_METERED)) return (new EnergyWord[](end - first), end);
        energies = METER.slotEnergyWords(run.account, uint32(first), uint32(end - first));
        uint256 overdueUntil; // slots before this need no further question
        for (uint256 slot = first; slot < end; ++slot) {
            if (!energies[slot - first].isMissing() || slot < overdueUntil) continue;
            if (!_isMetered(run.word, run.member, slot)) continue;
            if (block.timestamp > METER.readingDeadline(uint32(slot))) continue;
            Gap memory gap = _gapAround(run.account, slot);
            if (!_isLong(gap)) return (energies, slot);
            overdueUntil = gap.toSlot;
        }
        return (energies, end);
    }

    function _openRun(Batch memory batch, Run memory run, uint256 first, uint256 end) private view {
        uint16 zone = run.word.zone();
        // What the account before has looked up holds: a slot that has ended keeps its prices.
        if (
            batch.prices.zone != zone || first < batch.prices.first || end - 1 > batch.prices.last
        ) {
            batch.prices = _runPrices(zone, first, end - 1);
            batch.region = MARKET.regionOf(zone);
        }
        run.prices = batch.prices;
        run.purse = _openPurse(run.word, run.member);
        run.purse.closing = batch.closing;
        run.figures = SettledFigures.create(end - first);
        run.certificates.account = run.account;
        run.certificates.region = batch.region;
        if (run.member.defaultedFrom != 0) {
            run.stretch = _stretches[run.account];
            run.gap = _gapAround(run.account, run.stretch.fromSlot);
        }
    }

    function _settleSlot(
        Run memory run,
        uint256 slot,
        SlotPosition memory position,
        EnergyWord energy
    ) private {
        bool metered = _isMetered(run.word, run.member, slot);
        bool defaulted = metered && energy.isMissing();
        if (run.stretch.fromSlot != 0 && _stretchEnds(run, slot, defaulted)) _correct(run);

        SettlementBasis basis = SettlementBasis.UNMETERED;
        uint256 importWh;
        uint256 exportWh;
        (uint256 shortPrice, uint256 longPrice) = _slotPrices(run.prices, slot);
        if (defaulted) {
            basis = SettlementBasis.DEFAULTED;
            importWh = position.boughtWh;
            _extendStretch(run, slot, importWh, shortPrice, longPrice);
        } else if (metered) {
            importWh = energy.importWh();
            exportWh = energy.exportWh();
            if (energy.isMeasured()) {
                basis = SettlementBasis.MEASURED;
            } else {
                basis = SettlementBasis.ESTIMATED;
                (shortPrice, longPrice) = _estimatePrices(run, slot, shortPrice, longPrice);
            }
        }
        _settleEnergies(
            run, slot, position, energy, basis, importWh, exportWh, shortPrice, longPrice
        );
    }

    function _settleEnergies(
        Run memory run,
        uint256 slot,
        SlotPosition memory position,
        EnergyWord energy,
        SettlementBasis basis,
        uint256 importWh,
        uint256 exportWh,
        uint256 shortPrice,
        uint256 longPrice
    ) private {
        uint256 boughtWh = position.boughtWh;
        uint256 soldWh = position.soldWh;
        uint256 energies = SettledFigures.packEnergies(boughtWh, soldWh, importWh, exportWh);
        int256 imbalance;
        // Unchecked: energies are below 2^64 (they were packed), prices below 2^80 (they are caps of ticks at most).
        unchecked {
            uint256 takenWh = importWh + soldWh;
            uint256 coveredWh = exportWh + boughtWh;
            imbalance = takenWh >= coveredWh
                ? int256((takenWh - coveredWh) * shortPrice / WH_PER_KWH)
                : -int256((coveredWh - takenWh) * longPrice / WH_PER_KWH);
        }
        uint256 mintedWh;
        uint256 coverWh;
        if (basis == SettlementBasis.MEASURED) {
            coverWh = importWh;
            mintedWh = energy.mintableWh();
        }
        uint256 givenWh = _enter(run.certificates, slot, boughtWh, soldWh, coverWh, mintedWh);
        run.figures.append(energies, position, basis, imbalance, mintedWh, givenWh);
        _payTrades(run.purse, position);
        _payImbalance(run.purse, imbalance);
    }

    function _closeRun(Run memory run, uint256 end) private {
        uint256 meteredUntil = run.member.meteredUntil;
        bool meteringEnds = run.word.has(AccountWordLib.FLAG_METERED) && meteredUntil != 0
            && end >= meteredUntil;
        if (run.stretch.fromSlot != 0) {
            // A known end of the gap need not wait for the next slot; without a meter there will be none.
            if (meteringEnds || (run.gap.known && end >= run.gap.toSlot)) _correct(run);
            else if (run.memberChanged) _stretches[run.account] = run.stretch;
        }
        AccountWord word = run.word.withSettledUntil(end);
        if (meteringEnds) {
            word = word.withFlag(AccountWordLib.FLAG_METERED, false);
            emit ISettlementAccounts.MeteringEnded(run.account, uint32(meteredUntil));
        }
        _closePurse(run.account, word, run.member, run.memberChanged, run.purse);
        _finishCertificates(run.certificates);
    }

    /* DEFAULTED AND ESTIMATED SLOTS */

    /// @dev Whether the stretch on record does not contain `slot`: a true reading lies between, or the meter is gone.
    function _stretchEnds(Run memory run, uint256 slot, bool defaulted)
        private
        pure
        returns (bool)
    {
        return !defaulted || (run.gap.known && slot >= run.gap.toSlot);
    }

    function _extendStretch(
        Run memory run,
        uint256 slot,
        uint256 importWh,
        uint256 shortPrice,
        uint256 longPrice
    ) private view {
        DefaultedStretch memory stretch = run.stretch;
        if (stretch.fromSlot == 0) {
            stretch.fromSlot = uint32(slot);
            stretch.highestShortPrice = shortPrice.toUint64();
            stretch.lowestLongPrice = longPrice.toUint64();
            run.member.defaultedFrom = uint32(slot);
            run.gap = _gapAround(run.account, slot);
        } else {
            if (shortPrice > stretch.highestShortPrice) {
                stretch.highestShortPrice = shortPrice.toUint64();
            }
            if (longPrice < stretch.lowestLongPrice) stretch.lowestLongPrice = longPrice.toUint64();
        }
        stretch.untilSlot = uint32(slot + 1);
        stretch.assumedImportWh += importWh.toUint64();
        run.memberChanged = true;
    }

    /// @dev The one correction of the stretch on record; the stretch is closed either way.
    function _correct(Run memory run) private {
        _payImbalance(run.purse, _correctionOf(run.account, run.stretch, run.gap));
        delete run.stretch;
        run.member.defaultedFrom = 0;
        run.memberChanged = true;
    }

    /// @dev Worst prices of the stretch an estimated slot lies in, looked up once per stretch.
    function _estimatePrices(Run memory run, uint256 slot, uint256 shortPrice, uint256 longPrice)
        private
        view
        returns (uint256, uint256)
    {
        if (slot >= run.estimatedUntil) {
            Gap memory gap = _gapAround(run.account, slot);
            if (!gap.known) return (shortPrice, longPrice);
            run.estimatedUntil = gap.toSlot;
            // Slots that are void have no say.
            uint256 end = run.purse.closing ? _min(gap.toSlot, _totals.windDownSlot) : gap.toSlot;
            (run.worstShort, run.worstLong) = _worstPrices(run.word.zone(), gap.fromSlot, end);
        }
        return (run.worstShort, run.worstLong);
    }
}
