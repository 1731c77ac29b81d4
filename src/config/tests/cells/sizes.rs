//! The ways to write sizes of a Conv and a Pool.

use super::*;

/// Each pads 24x24 by 2 columns and 1 row, or by 1 of both, on every side.
const PADDINGS: [(&str, [usize; 2]); 7] = [
    ("", [0, 0]),
    ("PaddingDims=2 1", [2, 1]),
    ("Padding=1", [1, 1]),
    ("PaddingX=2\nPaddingY=1", [2, 1]),
    ("PaddingY=1", [0, 1]),
    ("PaddingX=2", [2, 0]),
    ("PaddingX=2\nPaddingY=1\nPaddingZ=0", [2, 1]),
];

#[test]
fn every_way_to_write_a_padding_is_read() {
    for (padding, [x, y]) in PADDINGS {
        for window in ["Size=3", "Dims=3 3", "Width=3\n{}Height=3", "Width=3\n{}Height=3\n{}Depth=1"] {
            for (kind, name) in [("Type=Conv\nNbOutputs=4", "Kernel"), ("Type=Pool\nPooling=Max\nNbOutputs=4", "Pool")]
            {
                let layer = format!("Input=a\n{kind}\n{name}{}\n{padding}", window.replace("{}", name));
                let cell = read(&layer);
                assert_eq!(sides(&cell), [22 + 2 * x, 22 + 2 * y, 4], "{layer}");
                let found = match &cell.operator {
                    Operator::Conv(conv) => conv.padding,
                    Operator::Pool(pool) => pool.padding,
                    other => panic!("{other:?}"),
                };
                assert_eq!([found.width, found.height], [x, y], "{layer}");
            }
        }
    }
}

#[test]
fn every_way_to_write_strides_dilations_and_sub_samplings_is_read() {
    let conv = |keys: &str, expected: [usize; 2]| {
        let cell = read(&format!("Input=a\nType=Conv\nNbOutputs=4\nKernelSize=3\n{keys}"));
        assert_eq!(sides(&cell)[..2], expected, "{keys}");
    };
    conv("StrideDims=2 3", [11, 8]);
    conv("Stride=2", [11, 11]);
    conv("StrideX=2\nStrideZ=1", [11, 22]);
    conv("DilationDims=2 3", [20, 18]);
    conv("Dilation=2", [20, 20]);
    conv("DilationY=3", [22, 18]);
    conv("SubSampleDims=2 4", [11, 6]);
    conv("SubSample=2", [11, 11]);
    conv("SubSampleX=2", [11, 22]);
    for (keys, expected) in [("StrideDims=2 3", [11, 8]), ("Stride=2", [11, 11]), ("StrideY=3", [22, 8])] {
        let cell = read(&format!("Input=a\nType=Pool\nPooling=Average\nNbOutputs=4\nPoolSize=3\n{keys}"));
        assert_eq!(sides(&cell)[..2], expected, "{keys}");
    }
}
