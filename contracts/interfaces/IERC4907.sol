// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title ERC-4907: a user of a token beside its owner, until a time
interface IERC4907 {
    /// @notice The user of a token changed; zero: nobody.
    event UpdateUser(uint256 indexed tokenId, address indexed user, uint64 expires);

    /// @notice Let somebody use a token until `expires` (unix seconds, the last second included). By its owner or who he
    /// approved.
    function setUser(uint256 tokenId, address user, uint64 expires) external;

    /// @notice Who uses a token now; zero if nobody.
    function userOf(uint256 tokenId) external view returns (address);

    /// @notice Last second of the use that was set last; 0 if none since the last transfer.
    function userExpires(uint256 tokenId) external view returns (uint256);
}
