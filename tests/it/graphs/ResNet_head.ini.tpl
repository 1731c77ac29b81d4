[pool]
Input={{INPUT}}
Type=Pool
Pooling=Average
PoolWidth=[{{INPUT}}]_OutputsWidth
PoolHeight=[{{INPUT}}]_OutputsHeight
NbOutputs=[{{INPUT}}]_NbOutputs
Mapping.Size=1

[fc]
Input=pool
Type=Fc
NbOutputs=6
ActivationFunction=Linear
WeightsFiller=XavierFiller
WeightsFiller.Scaling=$(0.0 if ${L} > 0 else 1.0)
BiasFiller=ConstantFiller
BiasFiller.Value=0.0
ConfigSection=common.config

[softmax]
Input=fc
Type=Softmax
NbOutputs=[fc]NbOutputs
WithLoss=1

[softmax.Target]
TopN=3
