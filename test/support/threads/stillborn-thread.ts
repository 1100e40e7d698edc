// A worker's thread that ends before it can be told anything.
throw new Error("stillborn");
