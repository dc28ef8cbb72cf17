// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IMeterEnergy} from "../interfaces/IMeterEnergy.sol";
import {EnergyWord, EnergyWords} from "../types/EnergyWord.sol";
import {MeterPage} from "../types/MeterPages.sol";
import {Connection, Quality, SlotEnergy} from "../types/Metering.sol";

/// @notice A meter registry whose connections, energies and gaps a test writes down.
contract MockMeterEnergy is IMeterEnergy {
    using SafeCast for uint256;

    struct Gap {
        uint32 fromSlot;
        uint32 toSlot;
        uint256 importWh;
        uint256 exportWh;
    }

    /// @dev One word a slot, so that gas is near that of the real registry.
    struct PackedEnergy {
        uint64 importWh;
        uint64 exportWh;
        uint64 mintableWh;
        Quality quality;
    }

    uint256 private constant SLOTS_PER_DAY = 96;

    mapping(address account => Connection) private _connections;
    mapping(address account => mapping(uint32 slot => PackedEnergy)) private _energies;
    mapping(address account => Gap[]) private _gaps;

    /// @notice The boundary of the page revealed last.
    uint40 public revealedBoundary;

    /// @notice A page that was revealed before counts nothing; boundary 0 is refused.
    error PageRefused();

    /// @dev As `IMeterPages.revealPage`, without readings.
    function revealPage(MeterPage calldata page) external returns (uint256 accepted) {
        if (page.boundary == 0) revert PageRefused();
        if (revealedBoundary == page.boundary) return 0;
        revealedBoundary = page.boundary;
        return page.entries.length / 17;
    }

    function setConnection(address account, Connection calldata connection) external {
        _connections[account] = connection;
    }

    function setEnergies(address account, uint32 firstSlot, SlotEnergy[] calldata energies)
        external
    {
        for (uint32 i = 0; i < energies.length; ++i) {
            _energies[account][firstSlot + i] = PackedEnergy({
                importWh: energies[i].importWh.toUint64(),
                exportWh: energies[i].exportWh.toUint64(),
                mintableWh: energies[i].mintableWh.toUint64(),
                quality: energies[i].quality
            });
        }
    }

    function addGap(
        address account,
        uint32 fromSlot,
        uint32 toSlot,
        uint256 importWh,
        uint256 exportWh
    ) external {
        _gaps[account].push(Gap(fromSlot, toSlot, importWh, exportWh));
    }

    function connectionOf(address account) external view returns (Connection memory) {
        return _connections[account];
    }

    function slotEnergies(address account, uint32 firstSlot, uint32 count)
        external
        view
        returns (SlotEnergy[] memory energies)
    {
        energies = new SlotEnergy[](count);
        for (uint32 i = 0; i < count; ++i) {
            PackedEnergy memory packed = _energies[account][firstSlot + i];
            energies[i] = SlotEnergy(
                packed.importWh, packed.exportWh, packed.mintableWh, packed.quality
            );
        }
    }

    function slotEnergyWords(address account, uint32 firstSlot, uint32 count)
        external
        view
        returns (EnergyWord[] memory words)
    {
        words = new EnergyWord[](count);
        for (uint32 i = 0; i < count; ++i) {
            PackedEnergy memory packed = _energies[account][firstSlot + i];
            words[i] = EnergyWords.pack(
                packed.importWh, packed.exportWh, packed.mintableWh, packed.quality
            );
        }
    }

    function gapAround(address account, uint32 slot)
        external
        view
        returns (bool found, uint32 fromSlot, uint32 toSlot, uint256 importWh, uint256 exportWh)
    {
        Gap[] storage gaps = _gaps[account];
        for (uint256 i = 0; i < gaps.length; ++i) {
            Gap memory gap = gaps[i];
            if (slot >= gap.fromSlot && slot < gap.toSlot) {
                return (true, gap.fromSlot, gap.toSlot, gap.importWh, gap.exportWh);
            }
        }
    }

    function readingDeadline(uint32 slot) external pure returns (uint256 unixSeconds) {
        return (slot / SLOTS_PER_DAY + 2) * 86400;
    }
}
