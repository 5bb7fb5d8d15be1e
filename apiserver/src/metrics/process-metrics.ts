/** What Prometheus' own clients say of their process, under the same names. */
import { readFileSync, readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '@slipway/kit/clock';
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
  addEventLoopDelay(metrics);
}

/** How late timers come: what every request waits besides its own work. Since the last time somebody asked. */
function addEventLoopDelay(metrics: Metrics): void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  metrics.gauge(
    { name: 'nodejs_eventloop_lag_seconds', help: 'Delay of the event loop since the last reading.' },
    () => {
      const reading: Reading = [
        ['quantile="0.5"', delay.percentile(50) / nanosPerSecond],
        ['quantile="0.99"', delay.percentile(99) / nanosPerSecond],
        ['quantile="1"', delay.max / nanosPerSecond],
      ];
      delay.reset();
      return reading;
    },
  );
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
