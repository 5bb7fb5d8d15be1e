/** The server under fuzz, a process of its own: says where it listens and who may do everything there, and serves until it is killed. */
import { startOwnServer } from '../conformance/own-server.ts';

const { endpoint, identity } = await startOwnServer();
process.stdout.write(`${JSON.stringify({ endpoint, identity })}\n`);
