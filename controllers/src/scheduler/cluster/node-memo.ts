import type { Rejection } from '../cycle/filter.ts';
import type { Demand } from '../pods/demand.ts';
import type { Candidate } from '../preemption/choose-candidate.ts';
import { type NodeInfo, noGeneration } from './node-info.ts';

/**
 * Answers about nodes that hold as long as the node is as it was. Between two pods one node changes and thousands do not, so nearly every
 * answer about a pod's node was given before, to a pod that asked the same.
 */
export class NodeAnswers<T> {
  readonly #generations: Float64Array;
  readonly #answers: (T | undefined)[];

  constructor(capacity: number) {
    this.#generations = new Float64Array(capacity);
    this.#answers = new Array(capacity).fill(undefined);
  }

  of(node: NodeInfo, find: (node: NodeInfo) => T): T {
    const { slot, generation } = node;
    if (this.#generations[slot] === generation) return this.#answers[slot] as T;
    const answer = find(node);
    if (generation === noGeneration) return answer;
    this.#generations[slot] = generation;
    this.#answers[slot] = answer;
    return answer;
  }
}

/** As `NodeAnswers`, of numbers. */
export class NodeNumbers {
  readonly #generations: Float64Array;
  readonly #numbers: Float64Array;

  constructor(capacity: number) {
    this.#generations = new Float64Array(capacity);
    this.#numbers = new Float64Array(capacity);
  }

  of(node: NodeInfo, find: (node: NodeInfo) => number): number {
    const { slot, generation } = node;
    if (this.#generations[slot] === generation) return this.#numbers[slot] as number;
    const number = find(node);
    if (generation === noGeneration) return number;
    this.#generations[slot] = generation;
    this.#numbers[slot] = number;
    return number;
  }
}

/** Why a node by itself does not take a pod, and by which filter. */
export interface LocalRejection {
  readonly filter: string;
  readonly rejection: Rejection;
}

/** All that is remembered about nodes for one demand under one profile. What nobody asks for takes no room. */
export class NodeMemo {
  readonly demand: Demand;
  readonly profile: object;
  readonly rejections: NodeAnswers<LocalRejection | undefined>;
  readonly #capacity: number;
  #withNominated: NodeAnswers<LocalRejection | undefined> | undefined;
  #points: NodeNumbers | undefined;
  #candidates: { readonly answers: NodeAnswers<Candidate | Rejection>; readonly budgets: unknown } | undefined;

  constructor(demand: Demand, profile: object, capacity: number) {
    this.demand = demand;
    this.profile = profile;
    this.#capacity = capacity;
    this.rejections = new NodeAnswers(capacity);
  }

  /** The same with the pods in mind that room was made for on the node. */
  get rejectionsWithNominated(): NodeAnswers<LocalRejection | undefined> {
    this.#withNominated ??= new NodeAnswers(this.#capacity);
    return this.#withNominated;
  }

  get points(): NodeNumbers {
    this.#points ??= new NodeNumbers(this.#capacity);
    return this.#points;
  }

  /** Who would have to go, as long as the version of the budgets is the same. */
  candidates(budgets: unknown): NodeAnswers<Candidate | Rejection> {
    if (!this.#candidates || this.#candidates.budgets !== budgets)
      this.#candidates = { answers: new NodeAnswers(this.#capacity), budgets };
    return this.#candidates.answers;
  }
}
