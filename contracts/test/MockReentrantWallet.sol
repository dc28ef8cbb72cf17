// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";

/// @notice A contract wallet that makes calls of an attacker's choice whenever somebody calls it: as the receiver of an
/// ERC-721 token, as the signer of an ERC-1271 signature, as an oracle or a register that is asked.
contract MockReentrantWallet is IERC721Receiver, IERC1271 {
    /// @notice One of the calls made when it was called.
    event Reentered(uint256 index, bool success, bytes answer);

    address[] private _targets;
    bytes[] private _calls;

    /// @notice Make these calls when called next.
    function arm(address[] calldata targets, bytes[] calldata calls) external {
        _targets = targets;
        _calls = calls;
    }

    /// @notice Call anything as this contract.
    function act(address target, bytes calldata data) external returns (bytes memory answer) {
        bool success;
        (success, answer) = target.call(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    /// @inheritdoc IERC721Receiver
    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        for (uint256 i = 0; i < _targets.length; ++i) {
            (bool success, bytes memory answer) = _targets[i].call(_calls[i]);
            emit Reentered(i, success, answer);
        }
        return IERC721Receiver.onERC721Received.selector;
    }

    /// @notice Says yes when none of its calls went through. Asked by a static call, so it keeps no record.
    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        for (uint256 i = 0; i < _targets.length; ++i) {
            (bool success,) = _targets[i].staticcall(_calls[i]);
            if (success) return bytes4(0);
        }
        return IERC1271.isValidSignature.selector;
    }
}
