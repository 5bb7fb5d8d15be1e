import { kinds } from '@slipway/client/kinds';
import type { Component } from '../runtime/manager.ts';
import type { SchedulerConfiguration } from './configuration/profile.ts';
import { defaultSchedulerName } from './pods/demand.ts';
import { Scheduler } from './scheduler.ts';

/** The scheduler beside the controllers, over the same caches. */
export function schedulerComponent(configuration?: SchedulerConfiguration): Component {
  return {
    name: 'scheduler',
    component: defaultSchedulerName,
    account: 'system:kube-scheduler',
    reads: [
      kinds.pods,
      kinds.nodes,
      kinds.namespaces,
      kinds.services,
      kinds.podDisruptionBudgets,
      kinds.persistentVolumeClaims,
      kinds.persistentVolumes,
      kinds.storageClasses,
    ],
    run: ({ caches, client, events, clock, random, log }, signal) =>
      new Scheduler({
        sources: {
          pods: caches.of(kinds.pods),
          nodes: caches.of(kinds.nodes),
          namespaces: caches.of(kinds.namespaces),
          services: caches.of(kinds.services),
          budgets: caches.of(kinds.podDisruptionBudgets),
          claims: caches.of(kinds.persistentVolumeClaims),
          volumes: caches.of(kinds.persistentVolumes),
          storageClasses: caches.of(kinds.storageClasses),
        },
        client,
        recordEvent: (about, type, reason, message) => events.record({ about, type, reason, message }),
        clock,
        random,
        log,
        ...(configuration ? { configuration } : {}),
      }).run(signal),
  };
}
