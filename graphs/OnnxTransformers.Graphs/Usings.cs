// Layers and heads are plain functions; a model file reads as its paper does.
global using static OnnxTransformers.Graphs.Heads.Head;
global using static OnnxTransformers.Graphs.Layers.Layer;
