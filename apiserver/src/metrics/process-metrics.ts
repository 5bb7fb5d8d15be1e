/** What Prometheus' own clients say of their process, under the same names. */
import { readFileSync, readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '@slipway/kit/clock';
import { serverVersion } from '../discovery/version.ts';
import type { Metrics, Reading } from './metrics.ts';

const nanosPerSecond = 1e9;

export function addProcessMetrics(metrics: Metrics, clock: Clock): void {
  const startSeconds = clock.nowMs() / 1000 - process.uptime();
  const cpuSeconds = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  metrics.gauge(
    { name: 'process_cpu_seconds_total', help: 'Total user and system CPU time spent in seconds.' },
    () => [['', cpuSeconds()]],
    'counter',
  );
  metrics.gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory size in bytes.' }, () => [
    ['', process.memoryUsage.rss()],
  ]);
  metrics.gauge({ name: 'process_virtual_memory_bytes', help: 'Virtual memory size in bytes.' }, virtualMemory);
  metrics.gauge(
    { name: 'process_start_time_seconds', help: 'Start time of the process since unix epoch in seconds.' },
    () => [['', startSeconds]],
  );
  metrics.gauge({ name: 'process_open_fds', help: 'Number of open file descriptors.' }, openFiles);
  metrics.gauge({ name: 'process_max_fds', help: 'Maximum number of open file descriptors.' }, maxFiles);
  metrics.gauge({ name: 'nodejs_heap_size_used_bytes', help: 'Heap in use in bytes.' }, () => [
    ['', process.memoryUsage().heapUsed],
  ]);
  const { major, minor, gitVersion, platform } = serverVersion(process.arch);
  metrics.gauge({ name: 'kubernetes_build_info', help: 'The version that this server serves.' }, () => [
    [`major="${major}",minor="${minor}",git_version="${gitVersion}",platform="${platform}"`, 1],
  ]);
  addEventLoopDelay(metrics);
}

/** How late timers come: what every request waits besides its own work. Since the start of the process. */
function addEventLoopDelay(metrics: Metrics): void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const help = 'Delay of the event loop since the start of the process.';
  metrics.gauge({ name: 'nodejs_eventloop_lag_p50_seconds', help }, () => [
    ['', delay.percentile(50) / nanosPerSecond],
  ]);
  metrics.gauge({ name: 'nodejs_eventloop_lag_p99_seconds', help }, () => [
    ['', delay.percentile(99) / nanosPerSecond],
  ]);
  metrics.gauge({ name: 'nodejs_eventloop_lag_max_seconds', help }, () => [['', delay.max / nanosPerSecond]]);
}

/** Nothing where there is no /proc. */
function fromProc(read: () => number | undefined): Reading {
  try {
    const value = read();
    return value === undefined ? [] : [['', value]];
  } catch {
    return [];
  }
}

const pageBytes = 4096;

function virtualMemory(): Reading {
  return fromProc(() => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0]) * pageBytes);
}

function openFiles(): Reading {
  return fromProc(() => readdirSync('/proc/self/fd').length);
}

function maxFiles(): Reading {
  return fromProc(() => {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  });
}
