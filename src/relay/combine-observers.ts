import type { Observer } from "./observer.ts";

function nothing(): void {}

/** The observer of those who do not look. */
export const silentObserver: Observer = {
  listening: nothing,
  opened: nothing,
  refused: nothing,
  connected: nothing,
  unreachable: nothing,
  reachedAgain: nothing,
  halfClosed: nothing,
  closed: nothing,
  full: nothing,
  sourceLost: nothing,
  sourceBack: nothing,
  draining: nothing,
  stopped: nothing,
  fault: nothing,
  warning: nothing,
  notice: nothing,
};

export type Event = keyof Observer;

export const EVENTS: readonly Event[] = Object.keys(silentObserver).filter(
  (key): key is Event => key in silentObserver,
);

/** The events that somebody listens to, of an observer that `combineObservers` made. */
export function eventsHeard(observer: Observer): readonly Event[] {
  return EVENTS.filter((event) => observer[event] !== nothing);
}

/**
 * One observer that passes everything on to several, in their order, and never throws: what one of
 * them throws is passed on as a `fault`.
 */
export function combineObservers(observers: readonly Partial<Observer>[]): Observer {
  const combined = { ...silentObserver };
  for (const event of EVENTS) combine(combined, observers, event);
  return combined;
}

function combine<Name extends Event>(
  combined: Observer,
  observers: readonly Partial<Observer>[],
  event: Name,
): void {
  type Listener = (...args: Parameters<Observer[Name]>) => void;
  const listeners = observers.flatMap((observer) => {
    const listener = observer[event];
    if (listener === undefined || listener === nothing) return [];
    return [listener.bind(observer) as Listener];
  });
  if (listeners.length === 0) return;
  const all: Listener = (...args) => {
    for (const listener of listeners) {
      try {
        listener(...args);
      } catch (error) {
        if (event === "fault") rethrowLater(error);
        else combined.fault(error);
      }
    }
  };
  combined[event] = all as Observer[Name];
}

/** Where not even a fault can be told, it is the process' own uncaught exception. */
function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
