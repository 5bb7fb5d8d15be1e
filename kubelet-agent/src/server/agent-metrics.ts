import type { Pod } from '@slipway/api/types';

/** The kubelet's metrics that others read, and the process's own, in the text format of Prometheus. */
export function agentMetrics(pods: readonly Pod[], nodeName: string): string {
  const running = pods.filter(({ status }) => status?.phase === 'Running').length;
  const states = new Map([
    ['running', 0],
    ['exited', 0],
    ['created', 0],
  ]);
  const add = (state: string) => states.set(state, (states.get(state) ?? 0) + 1);
  for (const { status } of pods) {
    for (const { state } of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
      add(state?.running ? 'running' : state?.terminated ? 'exited' : 'created');
    }
  }
  const { user, system } = process.cpuUsage();
  return `${[
    '# TYPE kubelet_node_name gauge',
    `kubelet_node_name{node="${nodeName}"} 1`,
    '# TYPE kubelet_running_pods gauge',
    `kubelet_running_pods ${running}`,
    '# TYPE kubelet_running_containers gauge',
    ...[...states].map(([state, count]) => `kubelet_running_containers{container_state="${state}"} ${count}`),
    '# TYPE process_resident_memory_bytes gauge',
    `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    '# TYPE process_cpu_seconds_total counter',
    `process_cpu_seconds_total ${(user + system) / 1e6}`,
  ].join('\n')}\n`;
}
