/** By hand: `node e2e/fuzz/main.ts [REQUESTS] [SEED]`. Ends with 1 when something was found. */
import { systemClock } from '@slipway/kit/clock';
import { fuzz } from './fuzz.ts';

const mebibytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
const hourMs = 3_600_000;

const [requests = '100000', seed = '1'] = process.argv.slice(2);
const report = await fuzz({
  seed: Number(seed),
  requests: Number(requests),
  connections: 16,
  clock: systemClock,
  timeMsMax: hourMs,
  progress: (sent, resident) => {
    if (sent % 5_000 === 0) console.log(`${sent} sent, server at ${mebibytes(resident)}`);
  },
});
for (const failure of report.failures) console.log(`FOUND ${failure}`);
console.log(`${report.sent} requests, seed ${seed}: ${JSON.stringify(Object.fromEntries([...report.byCode].sort()))}`);
console.log(
  `slowest probe ${report.slowestProbeMs.toFixed(0)} ms, memory ${mebibytes(report.residentBytesAfterTenth)} after a tenth, ${mebibytes(report.residentBytesAtEnd)} at the end`,
);
for (const asked of report.askedMeanwhile) console.log(`  meanwhile ${asked.slice(0, 400)}`);
process.exitCode = report.failures.length === 0 ? 0 : 1;
