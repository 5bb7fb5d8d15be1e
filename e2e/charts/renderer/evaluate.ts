/** Runs a parsed template over its data. What is not there stops it, where Go would go on with `<no value>`. */
import { functions, isTrue, shown } from './functions.ts';
import type { Body, Operand, Pipeline, TemplateNode } from './parse.ts';
import { TemplateError } from './template-error.ts';

export type Templates = ReadonlyMap<string, Body>;

interface Scope {
  readonly dot: unknown;
  /** Innermost last. */
  readonly variables: readonly Map<string, unknown>[];
}

/** The text that a body makes of its data. Throws `TemplateError`. */
export function evaluate(body: Body, data: unknown, templates: Templates): string {
  return new Evaluation(templates).body(body, { dot: data, variables: [new Map([['', data]])] });
}

/** A template that includes itself would never end. */
const depthMax = 50;

class Evaluation {
  readonly #templates: Templates;
  #depth = 0;

  constructor(templates: Templates) {
    this.#templates = templates;
  }

  body(body: Body, scope: Scope): string {
    const inner = { dot: scope.dot, variables: [...scope.variables, new Map<string, unknown>()] };
    return body.map((node) => this.#node(node, inner)).join('');
  }

  #node(node: TemplateNode, scope: Scope): string {
    switch (node.type) {
      case 'text':
        return node.value;
      case 'output':
        return at(node.pipeline, () => shown(this.#pipeline(node.pipeline, scope)));
      case 'assign':
        this.#assign(node, scope);
        return '';
      case 'if':
      case 'with': {
        const value = this.#pipeline(node.pipeline, scope);
        if (!isTrue(value)) return this.body(node.otherwise, scope);
        return this.body(node.body, node.type === 'with' ? { ...scope, dot: value } : scope);
      }
      case 'range':
        return this.#range(node, scope);
    }
  }

  #assign({ name, declares, pipeline }: Extract<TemplateNode, { type: 'assign' }>, { dot, variables }: Scope): void {
    const value = this.#pipeline(pipeline, { dot, variables });
    const place = declares ? variables.at(-1) : variables.findLast((each) => each.has(name));
    at(pipeline, () => {
      if (!place) throw new TemplateError(`$${name} is not declared`);
      place.set(name, value);
    });
  }

  #range(node: Extract<TemplateNode, { type: 'range' }>, scope: Scope): string {
    const over = this.#pipeline(node.pipeline, scope);
    const entries = at(node.pipeline, () => entriesOf(over));
    if (entries.length === 0) return this.body(node.otherwise, scope);
    return entries
      .map(([key, value]) => {
        const own = new Map<string, unknown>();
        if (node.key !== undefined) own.set(node.key, key);
        if (node.value !== undefined) own.set(node.value, value);
        return this.body(node.body, { dot: value, variables: [...scope.variables, own] });
      })
      .join('');
  }

  #pipeline(pipeline: Pipeline, scope: Scope): unknown {
    return at(pipeline, () => {
      let carried: readonly unknown[] = [];
      for (const command of pipeline.commands) carried = [this.#command(command, scope, carried)];
      return carried[0];
    });
  }

  #command([first, ...rest]: readonly Operand[], scope: Scope, carried: readonly unknown[]): unknown {
    if (first?.type !== 'function') {
      if (!first || rest.length + carried.length > 0) throw new TemplateError('only functions take arguments');
      return this.#operand(first, scope);
    }
    const args = [...rest.map((operand) => this.#operand(operand, scope)), ...carried];
    if (first.name === 'include') return this.#include(args);
    const call = Object.hasOwn(functions, first.name) ? functions[first.name] : undefined;
    if (!call) throw new TemplateError(`there is no function ${first.name}`);
    return call(...args);
  }

  #include([name, data, ...more]: readonly unknown[]): string {
    const body = typeof name === 'string' ? this.#templates.get(name) : undefined;
    if (!body || more.length > 0) throw new TemplateError(`include: there is no template ${String(name)}`);
    if (this.#depth >= depthMax) throw new TemplateError(`include ${String(name)}: too deep`);
    this.#depth++;
    const made = this.body(body, { dot: data, variables: [new Map([['', data]])] });
    this.#depth--;
    return made;
  }

  #operand(operand: Operand, scope: Scope): unknown {
    switch (operand.type) {
      case 'literal':
        return operand.value;
      case 'dot':
        return follow(scope.dot, operand.path);
      case 'variable': {
        const { name, path } = operand;
        const place = scope.variables.findLast((each) => each.has(name));
        if (!place) throw new TemplateError(`$${name} is not declared`);
        return follow(place.get(name), path);
      }
      case 'group':
        return follow(this.#pipeline(operand.pipeline, scope), operand.path);
      case 'function':
        return this.#command([operand], scope, []);
    }
  }
}

/** Errors say where, once. */
function at<T>({ place }: Pipeline, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof TemplateError) || /^\S+:\d+: /.test(error.message)) throw error;
    throw new TemplateError(`${place.file}:${place.line}: ${error.message}`);
  }
}

function follow(from: unknown, path: readonly string[]): unknown {
  let value = from;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new TemplateError(
        `.${path.join('.')}: what should have a field ${name} is ${JSON.stringify(value) ?? 'not there'}`,
      );
    value = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  }
  return value;
}

/** Maps in the order of their keys, as in Go. */
function entriesOf(over: unknown): readonly (readonly [unknown, unknown])[] {
  if (over === undefined || over === null) return [];
  if (Array.isArray(over)) return over.map((value, i) => [BigInt(i), value]);
  if (typeof over === 'object') return Object.entries(over).sort(([a], [b]) => (a < b ? -1 : 1));
  throw new TemplateError(`range over ${JSON.stringify(over)}`);
}
