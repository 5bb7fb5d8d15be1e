/** Upstream's conformance tests of the kinds that keep pods running, with ours. See `conformance-checklist.ts`. */
import type { Checklist } from './conformance-checklist.ts';

const daemonSets = 'integration/daemon-sets.integration.test.ts';
const deployments = 'integration/deployments.integration.test.ts';
const replicas = 'integration/replicas.integration.test.ts';
const statefulSets = 'integration/stateful-sets.integration.test.ts';
const controllers = 'integration/controllers.integration.test.ts';
const basic = '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic]';

export const workloadChecklist: Checklist = [
  [
    '[sig-apps] ControllerRevision [Serial] should manage the lifecycle of a ControllerRevision',
    [
      [statefulSets, 'remembers templates as revisions that can be listed, labelled and removed'],
      [daemonSets, 'goes over to another template node by node, remembers both, and goes back'],
    ],
  ],
  [
    '[sig-apps] Daemon set [Serial] should run and stop simple daemon',
    [[daemonSets, 'runs a pod on every node, brings back one that is deleted or fails']],
  ],
  [
    '[sig-apps] Daemon set [Serial] should update pod when spec was updated and update strategy is RollingUpdate',
    [[daemonSets, 'goes over to another template node by node']],
  ],
  [
    '[sig-apps] Daemon set [Serial] should verify changes to a daemon set status',
    [[daemonSets, 'has its status read, written and counted anew']],
  ],
  [
    '[sig-apps] Deployment Deployment should have a working scale subresource',
    [[deployments, 'lives: listed, patched, scaled']],
  ],
  [
    '[sig-apps] Deployment RollingUpdateDeployment should delete old pods and create new ones',
    [
      [deployments, 'takes a replica set over that is already there'],
      [controllers, 'rolls a deployment out, over to a new template and back'],
    ],
  ],
  [
    '[sig-apps] Deployment deployment should delete old replica sets',
    [[deployments, 'keeps no former replica sets when none are to be kept']],
  ],
  [
    '[sig-apps] Deployment deployment should support rollover',
    [[deployments, 'gives up a rollout that cannot work for the next']],
  ],
  ['[sig-apps] Deployment should run the lifecycle of a Deployment', [[deployments, 'lives: listed, patched, scaled']]],
  ['[sig-apps] ReplicaSet Replace and Patch tests', [[replicas, 'are scaled, changed, and have their status written']]],
  [
    '[sig-apps] ReplicaSet Replicaset should have a working scale subresource',
    [[replicas, 'are scaled, changed, and have their status written']],
  ],
  [
    '[sig-apps] ReplicaSet should adopt matching pods on creation and release no longer matching pods',
    [[replicas, 'adopt a pod that was there first, and let one go']],
  ],
  [
    '[sig-apps] ReplicaSet should list and delete a collection of ReplicaSets',
    [[replicas, 'go with others of their labels']],
  ],
  [
    '[sig-apps] ReplicaSet should validate Replicaset Status endpoints',
    [[replicas, 'are scaled, changed, and have their status written']],
  ],
  [
    '[sig-apps] ReplicationController should adopt matching pods on creation',
    [[replicas, 'adopt a pod that was there first, and let one go']],
  ],
  [
    '[sig-apps] ReplicationController should get and update a ReplicationController scale',
    [[replicas, 'are scaled, changed, and have their status written']],
  ],
  [
    '[sig-apps] ReplicationController should release no longer matching pods',
    [[replicas, 'adopt a pod that was there first, and let one go']],
  ],
  [
    '[sig-apps] ReplicationController should serve a basic image on each replica with a public image',
    [[replicas, 'run as many pods as wanted, and bring back what is lost']],
  ],
  [
    '[sig-apps] ReplicationController should test the lifecycle of a ReplicationController',
    [
      [replicas, 'are scaled, changed, and have their status written'],
      [replicas, 'go with others of their labels'],
    ],
  ],
  [
    `${basic} Burst scaling should run to completion even with unhealthy pods`,
    [[statefulSets, 'starts and ends all pods of a parallel set at once']],
  ],
  [
    `${basic} Scaling should happen in predictable order and halt if any stateful pod is unhealthy`,
    [[statefulSets, 'starts pods in the order of their ordinals']],
  ],
  [`${basic} Should recreate evicted statefulset`, [[statefulSets, 'makes a pod anew that its node evicted']]],
  [
    `${basic} should list, patch and delete a collection of StatefulSets`,
    [[statefulSets, 'is scaled, listed, patched, has its status written']],
  ],
  [
    `${basic} should perform canary updates and phased rolling updates of template modifications`,
    [[statefulSets, 'updates the pods above a partition first, and the rest in phases']],
  ],
  [
    `${basic} should perform rolling updates and roll backs of template modifications`,
    [[statefulSets, 'updates from the highest ordinal down, and goes back']],
  ],
  [
    `${basic} should validate Statefulset Status endpoints`,
    [[statefulSets, 'is scaled, listed, patched, has its status written']],
  ],
];
