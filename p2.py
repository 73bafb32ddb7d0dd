exec(open("/tmp/me/out2/base.py").read())
f=torch.load("/tmp/me/out2/pc2.pt")
def zz(n,k): c=f[n]["cal"]; return (f[n][k]-c.mean())/c.std()
f["near"]={k:zz("neighbors",k)+zz("ratio",k) for k in f["ratio"]}
for names in (["likelihood","complexity","neighbors"],["likelihood","complexity","neighbors","ratio"],["likelihood","complexity","neighbors","near"],["likelihood","complexity","near"]):
    keys,Z=mats(f,names); print(names)
    for s in (.25,.5):
        R=res(Z,s); a,b=S(Z,names),S(R,names)
        for t in (.3,.5,1):
            show(f"zr {s}",{k:torch.cat([a[k],b[k]],1) for k in a},keys,t)
