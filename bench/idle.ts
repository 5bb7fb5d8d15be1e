/** What an all-in-one costs while nothing happens: resident memory and processor, after a minute of rest. */
import { startCluster, usageOf } from './cluster.ts';
import { rest } from './rest.ts';

const restMs = 20_000;
const measureMs = 60_000;

const cluster = await startCluster({ flags: process.argv.slice(2) });
try {
  await rest(restMs);
  const before = usageOf(cluster.pid);
  await rest(measureMs);
  const after = usageOf(cluster.pid);
  const percent = ((after.cpuSeconds - before.cpuSeconds) / (measureMs / 1000)) * 100;
  console.log(`idle: ${after.residentMib.toFixed(0)} MiB resident, ${percent.toFixed(1)} % of one core`);
} finally {
  await cluster.stop();
}
