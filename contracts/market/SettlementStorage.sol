// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IEnergyToken} from "../interfaces/IEnergyToken.sol";
import {IMarketPositions} from "../interfaces/IMarketPositions.sol";
import {IMeterEnergy} from "../interfaces/IMeterEnergy.sol";
import {ISettlementAccounts} from "../interfaces/ISettlementAccounts.sol";
import {ISettlementExits} from "../interfaces/ISettlementExits.sol";
import {ISettlementFunds} from "../interfaces/ISettlementFunds.sol";
import {LinearBucket} from "../libraries/LinearBuckets.sol";
import {AccountWord} from "../types/AccountWord.sol";
import {JoinLimits} from "../types/JoinLimits.sol";
import {RecoveryState} from "../types/Recovery.sol";
import {
    DefaultedStretch,
    SettlementAddresses,
    SettlementParameters,
    TariffBounds
} from "../types/Settlement.sol";
import {ZoneExit} from "../types/SettlementExits.sol";

/// @notice Everything `Settlement` stores and all that is fixed when it is deployed, declared in this one place.
/// @dev Warning: `Settlement` runs the code of `SettlementDelivery` and `SettlementExits` on its own storage. All inherit
/// exactly this contract first and declare no state of their own, so their layouts are the same by construction. Never
/// declare state in another part.
abstract contract SettlementStorage is AccessManaged, ReentrancyGuardTransient {
    /// @dev Beyond the packed word: what only some settlements touch. One storage slot.
    /// @param defaultedFrom first slot of the stretch that waits for its correction; 0 for none
    struct Member {
        uint80 security;
        uint80 arrears;
        uint32 meteredFrom;
        uint32 meteredUntil;
        uint32 defaultedFrom;
    }

    /// @dev One storage slot.
    struct Zone {
        address operator;
        uint80 bond;
        bool claimsOpen;
        bool bondSufficient;
    }

    /// @dev One storage slot.
    struct Claim {
        address account;
        uint96 amount;
    }

    /// @dev Claims on one zone's operator. Paid entries are deleted; `head` is the oldest unpaid.
    struct ClaimQueue {
        uint128 total;
        uint64 head;
        uint64 tail;
        mapping(uint256 position => Claim) claims;
    }

    /// @dev Certificates of four consecutive slots of one region, 64 bits each, slot `group * 4 + i` at bit `64 i`.
    /// @param given Wh put in
    /// @param wanted Wh asked for
    /// @param entered Wh bought plus Wh sold of the accounts entered
    /// @param cursors Wh of entries that have claimed on the rationed side
    struct PoolGroup {
        uint256 given;
        uint256 wanted;
        uint256 entered;
        uint256 cursors;
    }

    /// @dev One storage slot.
    /// @param windDownSlot first slot that is void because the market is wound down; 0 while it goes on
    struct Totals {
        uint80 tracked;
        int112 clearing;
        uint24 accounts;
        uint32 windDownSlot;
    }

    /// @dev Limits at deployment: at 10,000 a day the 24-bit ids last more than four years.
    uint32 private constant JOINING_PER_DAY = 10_000;
    uint32 private constant JOINING_PER_ZONE = 2_000;
    /// @dev 15 minutes, the imbalance settlement period.
    uint256 internal constant SLOT_SECONDS = 900;
    /// @dev Prices are per kWh, energies in Wh.
    uint256 internal constant WH_PER_KWH = 1000;
    /// @dev The sum of all ledgers stays below this, so 80 bits hold any balance.
    uint256 internal constant MAX_TRACKED = type(uint80).max;
    /// @dev Balances have 80 bits: with 12 decimals that is still 1.2e12 whole coins.
    uint256 private constant MAX_TOKEN_DECIMALS = 12;

    IERC20 internal immutable TOKEN;
    IEnergyToken internal immutable ENERGY_TOKEN;
    IMeterEnergy internal immutable METER;
    IMarketPositions internal immutable MARKET;
    address internal immutable TREASURY;
    uint256 internal immutable SECURITY_DEPOSIT;
    uint256 internal immutable BOND_FLOOR;
    /// @dev No slot before this is settled here: those are the predecessor's.
    uint256 internal immutable FIRST_SLOT;

    Totals internal _totals;
    mapping(address account => AccountWord) internal _accounts;
    mapping(address account => Member) internal _members;
    mapping(uint256 accountId => address) internal _accountById;
    mapping(uint16 zone => Zone) internal _zones;
    mapping(uint16 zone => ClaimQueue) internal _claimQueues;
    /// @dev From which slot on the bond was (not) sufficient: key slot, value `slot << 1 | sufficient`.
    mapping(uint16 zone => Checkpoints.Trace208) internal _bondStandings;
    uint16[] internal _zoneList;
    TariffBounds internal _tariffBounds;
    /// @dev Key first slot, value `fromSlot << 128 | retail << 64 | feedIn`.
    mapping(uint16 zone => Checkpoints.Trace208) internal _tariffs;
    mapping(address account => DefaultedStretch) internal _stretches;
    mapping(uint16 region => mapping(uint256 group => PoolGroup)) internal _pools;
    mapping(address account => mapping(uint256 position => uint256)) internal _entries;
    mapping(address account => RecoveryState) internal _recoveries;
    JoinLimits internal _joinLimits;
    LinearBucket internal _joined;
    mapping(uint16 zone => LinearBucket) internal _joinedZone;

    /// @dev Since the wind-down: what a zone's operator owes a member (> 0) or is owed by it (< 0).
    mapping(address account => int256) internal _netBalances;
    mapping(uint16 zone => ZoneExit) internal _zoneExits;
    /// @dev Accounts closed in the order of their ids.
    uint256 internal _accountsPassed;

    constructor(SettlementAddresses memory addresses, SettlementParameters memory parameters)
        AccessManaged(addresses.authority)
    {
        uint256 decimals = IERC20Metadata(addresses.settlementToken).decimals();
        if (decimals > MAX_TOKEN_DECIMALS) {
            revert ISettlementFunds.TooManyDecimals(decimals, MAX_TOKEN_DECIMALS);
        }
        if (
            addresses.energyToken == address(0) || addresses.meter == address(0)
                || addresses.market == address(0) || addresses.treasury == address(0)
        ) revert ISettlementAccounts.ReservedAddress(address(0));
        if (parameters.securityDeposit > MAX_TRACKED) {
            revert ISettlementFunds.DepositTooLarge(parameters.securityDeposit, MAX_TRACKED);
        }
        if (parameters.bondFloor > MAX_TRACKED) {
            revert ISettlementFunds.DepositTooLarge(parameters.bondFloor, MAX_TRACKED);
        }
        TOKEN = IERC20(addresses.settlementToken);
        ENERGY_TOKEN = IEnergyToken(addresses.energyToken);
        METER = IMeterEnergy(addresses.meter);
        MARKET = IMarketPositions(addresses.market);
        TREASURY = addresses.treasury;
        SECURITY_DEPOSIT = parameters.securityDeposit;
        BOND_FLOOR = parameters.bondFloor;
        _joinLimits = JoinLimits(JOINING_PER_DAY, JOINING_PER_ZONE);
        if (addresses.predecessor != address(0)) {
            uint256 slot = ISettlementExits(addresses.predecessor).windDownSlot();
            if (slot == 0) revert ISettlementExits.StillOpen();
            FIRST_SLOT = slot;
        }
    }

    /// @dev What is fixed at deployment, in one word: code that runs on one storage must agree on it.
    function _configurationOf(
        SettlementAddresses memory addresses,
        SettlementParameters memory parameters
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(addresses, parameters.securityDeposit, parameters.bondFloor));
    }
}
