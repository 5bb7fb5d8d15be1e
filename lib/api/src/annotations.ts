/** Annotations of our own that more than one room reads. */

/**
 * On a Node: PEM of the authority that an agent made for itself because the cluster's authority gave it no certificate. Only the
 * node's own identity may write its Node object, so the announcement is as trustworthy as the node.
 */
export const agentAuthorityAnnotation = 'slipway.dev/agent-authority';
