; The layers of LeNet.ini from an input of 32x32; INPUT names it, PARAMETERS the section of parameters. The target stands on `softmax`.

; Sections to inherit from: they have no Input, so they are no layers.

[conv_def]
Type=Conv
KernelWidth=5
KernelHeight=5
ActivationFunction=Rectifier
WeightsFiller=HeFiller
ConfigSection={{PARAMETERS}}

[pool_def]
Type=Pool
Pooling=Max
PoolWidth=2
PoolHeight=2
Stride=2
Mapping.Size=1        ; one to one: each channel is pooled by itself

; 32x32 -> 28x28x6

[conv1] conv_def
Input={{INPUT}}
NbOutputs=6

; -> 14x14x6

[pool1] pool_def
Input=conv1
NbOutputs=[conv1]NbOutputs

; -> 10x10x16. A row is a channel of pool1, a column an output: 60 of the 96 pairs are connected (LeNet-5, table I).

[conv2] conv_def
Input=pool1
NbOutputs=16
Mapping(pool1)=\
1 0 0 0 1 1 1 0 0 1 1 1 1 0 1 1 \
1 1 0 0 0 1 1 1 0 0 1 1 1 1 0 1 \
1 1 1 0 0 0 1 1 1 0 0 1 0 1 1 1 \
0 1 1 1 0 0 1 1 1 1 0 0 1 0 1 1 \
0 0 1 1 1 0 0 1 1 1 1 0 1 1 0 1 \
0 0 0 1 1 1 0 0 1 1 1 1 0 1 1 1

; -> 5x5x16

[pool2] pool_def
Input=conv2
NbOutputs=[conv2]NbOutputs

; -> 1x1x120

[conv3] conv_def
Input=pool2
NbOutputs=120

[fc1]
Input=conv3
Type=Fc
NbOutputs=84
ActivationFunction=Rectifier
WeightsFiller=HeFiller
ConfigSection={{PARAMETERS}}

[fc1.drop]
Input=fc1
Type=Dropout
NbOutputs=[fc1]NbOutputs
Dropout=0.5

[fc2]
Input=fc1.drop
Type=Fc
NbOutputs=10
ActivationFunction=Linear
WeightsFiller=XavierFiller
ConfigSection={{PARAMETERS}}

[softmax]
Input=fc2
Type=Softmax
NbOutputs=[fc2]NbOutputs
WithLoss=1

[softmax.Target]
