// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {EnergyMeterReading} from "../types/MeterMessages.sol";
import {
    BridgeStatus,
    EntryRefusal,
    MeterPage,
    MeterPageCommitment,
    MeterPageConsent,
    PageAccusation,
    PageMeter,
    PageRecord
} from "../types/MeterPages.sol";

/// @title Pages of readings
/// @notice A bridge commits one hash for the readings of hundreds of meters at one boundary and reveals them
/// when they are settled. Nobody checks the devices' signatures then, so a page is trusted less than a
/// signed reading:
/// - Only meters that chose the bridge are reported by it; they leave at any time, at once for every page
///   that is not revealed yet.
/// - Between commitment and reveal lie `DISPUTE_SECONDS`. Whoever owns the meter (or the REGISTRAR) may then
///   demand the signature: at that boundary only what the device itself signed counts.
/// - What a device signed and was submitted before the reveal wins: the record has reached the boundary.
/// - An entry passes the rules of a signed reading (V1, V3-V5, V7, V10, V11, V14, V15) and two more: no
///   more numbers than slots have passed (V25), no rollover (V12). One that fails is skipped; the others count.
/// - A signed reading that contradicts an entry is proof against the bridge, unless the bridge answers with the
///   device's signature of the entry: then it is proof against the meter.
/// - What came from a page never quarantines a meter: only two signatures do (`reportEquivocation`).
///
/// A slot that became MEASURED stays as it is, whatever is proven later. The registers are cumulative, so a
/// false entry moves energy between slots, at most the cap of the slots since the last true one; later
/// readings bring the sum back to the truth.
interface IMeterPages {
    /// @notice A bridge may commit and reveal (again).
    event BridgeAppointed(address indexed bridge, uint24 bridgeId);
    /// @notice A bridge may not commit and reveal any more.
    /// @param bridge the bridge
    /// @param meterId meter whose accusation stayed without an answer; 0: by the registrar
    event BridgeSuspended(address indexed bridge, uint32 indexed meterId);
    /// @notice A meter is reported by a bridge from `fromBoundary` on.
    event BridgeJoined(uint32 indexed meterId, address indexed bridge, uint40 fromBoundary);
    /// @notice A meter is reported by no bridge any more.
    event BridgeLeft(uint32 indexed meterId, address indexed bridge);

    /// @notice A page's hash is on record.
    event PageCommitted(
        address indexed bridge, uint40 indexed boundary, uint16 indexed index, bytes32 pageHash
    );
    /// @notice A page gave up by its bridge.
    event PageWithdrawn(address indexed bridge, uint40 indexed boundary, uint16 indexed index);
    /// @notice A page, or the next part of it, was revealed. Its entries are on record as the meters' readings,
    /// frequency and voltage not measured, all but those named in `PageEntrySkipped`.
    /// @param bridge the bridge
    /// @param boundary time of the readings
    /// @param index number of the page
    /// @param firstPlace place of the first of the entries
    /// @param accepted number of entries taken
    /// @param entries as in `MeterPage`
    event PageRevealed(
        address indexed bridge,
        uint40 indexed boundary,
        uint16 indexed index,
        uint256 firstPlace,
        uint256 accepted,
        bytes entries
    );
    /// @notice An entry was not taken.
    event PageEntrySkipped(
        uint32 indexed meterId,
        address indexed bridge,
        uint40 indexed boundary,
        uint256 place,
        EntryRefusal reason
    );

    /// @notice At `boundary` (and, if others were demanded, at those between) no page reports the meter.
    event SignatureDemanded(uint32 indexed meterId, uint40 indexed boundary, address indexed by);
    /// @notice A signed reading contradicts an entry; the bridge has to show the device's signature.
    /// @param meterId the meter
    /// @param bridge the bridge
    /// @param boundary of the entry
    /// @param reporter who brought the reading
    /// @param entrySequence of the entry
    /// @param entryImportWh of the entry
    /// @param entryExportWh of the entry
    /// @param reading what the device signed
    /// @param answerUntil first second at which an answer comes too late
    event PageDisputed(
        uint32 indexed meterId,
        address indexed bridge,
        uint40 indexed boundary,
        address reporter,
        uint32 entrySequence,
        uint40 entryImportWh,
        uint40 entryExportWh,
        EnergyMeterReading reading,
        uint40 answerUntil
    );
    /// @notice The device had signed the entry: its key contradicts itself, the bridge does not.
    event PageDisputeAnswered(
        uint32 indexed meterId, address indexed bridge, uint40 indexed boundary, address by
    );

    /// @notice The account is no bridge that may commit, reveal or be joined.
    error BridgeNotActive(address bridge, BridgeStatus status);
    /// @notice An active bridge need not be appointed.
    error BridgeActive(address bridge);
    /// @notice An address that cannot be a bridge.
    error ZeroBridge();
    /// @notice No more bridges: ids have 24 bits.
    error TooManyBridges();
    /// @notice Only the meter's owner or its device may do this.
    error NotMeterOwner(uint32 meterId, address caller);
    /// @notice No bridge reports the meter.
    error NotInBridge(uint32 meterId);
    /// @notice A meter joins from a boundary after its last change, at most a day old and at most 7 days ahead.
    error BoundaryOutOfRange(uint256 given, uint256 earliest, uint256 latest);

    /// @notice Too late to be revealed in time: the deadline of the readings less `DISPUTE_SECONDS`.
    error CommitmentTooLate(uint256 blockTimestamp, uint256 latest);
    /// @notice The place holds another page, and a commitment is never changed.
    error PlaceTaken(uint40 boundary, uint16 index);
    /// @notice No page of this bridge, boundary and index is on record.
    error PageNotCommitted(address bridge, uint40 boundary, uint16 index);
    /// @notice The page is not the one that was committed: an entry, their order, the salt or anything else
    /// differs.
    error WrongPage(bytes32 given, bytes25 committedStart);
    /// @notice The bridge has withdrawn the page.
    error PageIsWithdrawn(address bridge, uint40 boundary, uint16 index);
    /// @notice A revealed page cannot be withdrawn.
    error PageIsRevealed(address bridge, uint40 boundary, uint16 index);
    /// @notice Owners still may demand signatures.
    error RevealedTooEarly(uint256 blockTimestamp, uint256 revealFrom);
    /// @notice The page before is to be revealed (or withdrawn) first, so that nobody can make gaps by order.
    error EarlierPageFirst(uint40 previousBoundary);
    /// @notice Entries are 17 bytes each, 1 to 512 of them.
    error MalformedEntries(uint256 bytesGiven);

    /// @notice The page has no such place, or it names another meter than the reading.
    error NotThisMeter(uint256 place, uint32 meterId);
    /// @notice The reading does not contradict the entry: another boundary and another sequence, or the
    /// same content.
    error NoContradiction(uint32 meterId);
    /// @notice One accusation a meter at a time.
    error AlreadyAccused(uint32 meterId);
    /// @notice The meter has no open accusation.
    error NotAccused(uint32 meterId);
    /// @notice The reading is not the accused entry.
    error NotTheEntry(uint32 meterId);
    /// @notice The bridge may still answer.
    error AnswerStillOpen(uint256 blockTimestamp, uint256 answerUntil);
    /// @notice A signed reading differs from a record that may come from a page: proof against nobody by
    /// itself. `reportPageFraud` if it came from one, `reportEquivocation` with both signatures if not.
    error RecordFromPage(uint32 meterId, uint256 timestamp);

    /// @notice Appoint a bridge, or end its suspension. Restricted to REGISTRAR.
    function appointBridge(address bridge) external;

    /// @notice Suspend a bridge at once. Restricted to REGISTRAR. What was revealed stays.
    function suspendBridge(address bridge) external;

    /// @notice Let a bridge report the caller's meter: by its owner or its device. A bridge before it is left.
    /// @param meterId the meter
    /// @param bridge an active bridge
    /// @param fromBoundary first boundary that may come in a page
    function joinBridge(uint32 meterId, address bridge, uint40 fromBoundary) external;

    /// @notice The same with the device's signature of `consent`. Anyone may call. A consent works once.
    function joinBridgeWithConsent(MeterPageConsent calldata consent, bytes calldata signature)
        external;

    /// @notice Leave the bridge, at once for every page that is not revealed: by the owner or the device.
    function leaveBridge(uint32 meterId) external;

    /// @notice Commit the caller's page. The same hash again does nothing.
    /// @param boundary multiple of 900, at most 30 s ahead
    /// @param index number of the page
    /// @param pageHash see `pageHash`
    /// @return isNew false if this very hash was on record already
    function commitPage(uint40 boundary, uint16 index, bytes32 pageHash)
        external
        returns (bool isNew);

    /// @notice The same for a bridge that signed the commitment. Anyone may call.
    function commitSignedPage(MeterPageCommitment calldata commitment, bytes calldata signature)
        external
        returns (bool isNew);

    /// @notice Give up a page of the caller's that is not revealed, for instance because its content is lost;
    /// pages after it need not wait for it any more.
    function withdrawPage(uint40 boundary, uint16 index) external;

    /// @notice Reveal a page and take its entries. Anyone may call who knows the content, from
    /// `DISPUTE_SECONDS` after the commitment until the deadline of the readings. Again it does nothing. Runs
    /// out of gas as a whole, never by entry.
    /// @return accepted number of entries that are on record now
    function revealPage(MeterPage calldata page) external returns (uint256 accepted);

    /// @notice Reveal the next entries of a page, for instance because so many of its meters have gaps that it
    /// does not fit one transaction. `revealPage` takes the rest.
    /// @param count how many entries at most
    /// @return accepted number of entries that are on record now
    function revealPagePart(MeterPage calldata page, uint256 count)
        external
        returns (uint256 accepted);

    /// @notice Let only signed readings count for a meter at a boundary that is not revealed. By the owner or
    /// the device. Two demands cover the boundaries between them too.
    function demandSignature(uint32 meterId, uint40 boundary) external;

    /// @notice The same for any meter. Restricted to REGISTRAR.
    function orderSignature(uint32 meterId, uint40 boundary) external;

    /// @notice Accuse a bridge: the page, revealed or not, says of a meter what a reading signed by its device
    /// contradicts. Anyone may call. A page that is not revealed does not count for this meter any more.
    /// @param page the committed page
    /// @param place number of the entry in it, from 0
    /// @param reading signed by the device: same time or same sequence, another content
    /// @param signature of the reading
    function reportPageFraud(
        MeterPage calldata page,
        uint256 place,
        EnergyMeterReading calldata reading,
        bytes calldata signature
    ) external;

    /// @notice Clear the bridge: the device had signed the entry as well, which quarantines the meter. Anyone
    /// may call, within `ANSWER_SECONDS`.
    function answerPageFraud(EnergyMeterReading calldata reading, bytes calldata signature) external;

    /// @notice Suspend a bridge that gave no answer. Anyone may call.
    function concludePageFraud(uint32 meterId) external;

    /// @notice Standing and id of a bridge.
    function bridgeInfo(address bridge)
        external
        view
        returns (BridgeStatus status, uint24 bridgeId);

    /// @notice A meter's dealings with bridges.
    function pageMeter(uint32 meterId) external view returns (PageMeter memory);

    /// @notice A page on record.
    function pageRecord(address bridge, uint40 boundary, uint16 index)
        external
        view
        returns (PageRecord memory);

    /// @notice The accusation that waits for an answer.
    function pageAccusation(uint32 meterId) external view returns (PageAccusation memory);

    /// @notice What is committed: `keccak256(abi.encodePacked(bridge, boundary, index, previousBoundary,
    /// salt, signaturesHash, entries))`. 25 bytes of it are kept, so that a commitment fits one word.
    function pageHash(MeterPage calldata page) external pure returns (bytes32);

    /// @notice EIP-712 digest of a consent.
    function pageConsentDigest(MeterPageConsent calldata consent) external view returns (bytes32);

    /// @notice EIP-712 digest of a commitment.
    function pageCommitmentDigest(MeterPageCommitment calldata commitment)
        external
        view
        returns (bytes32);

    /// @notice The contract holding the code of these functions, created by and for `SmartMeter`, which
    /// answers them at its own address. It has no meters of its own.
    function pagesRoom() external view returns (address);
}
