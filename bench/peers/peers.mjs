export const PEERS = [];
